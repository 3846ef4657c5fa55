// Medians and ratios of what was measured, as a table and as JSON.
#pragma once

#include <string>
#include <vector>

namespace swarm::bench {

struct Series {
  std::string target;
  std::vector<double> values;  // one a round
};

struct Measurement {
  std::string name;  // "create, 64 clients, 0 replicas"
  std::string unit;
  bool higher_is_better = true;
  std::vector<Series> series;
};

double Median(std::vector<double> values);
// The first target against each other one: how many times better.
double Ratio(const Measurement& measurement, const Series& other);

std::string Table(const Measurement& measurement);
std::string Json(const Measurement& measurement);

}  // namespace swarm::bench
