#include "report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace swarm::bench {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Ratio(const Measurement& measurement, const Series& other) {
  const double first = Median(measurement.series.front().values);
  const double second = Median(other.values);
  if (first == 0 || second == 0) return 0;
  return measurement.higher_is_better ? first / second : second / first;
}

std::string Table(const Measurement& measurement) {
  std::string out = measurement.name + " [" + measurement.unit + "]\n";
  char line[256];
  std::snprintf(line, sizeof line, "  %-12s %12s %12s %12s %8s\n", "target", "median", "least",
                "most", "ratio");
  out += line;
  for (const Series& s : measurement.series) {
    if (s.values.empty()) continue;
    const auto [least, most] = std::minmax_element(s.values.begin(), s.values.end());
    std::snprintf(line, sizeof line, "  %-12s %12.1f %12.1f %12.1f", s.target.c_str(),
                  Median(s.values), *least, *most);
    out += line;
    if (&s != &measurement.series.front()) {
      std::snprintf(line, sizeof line, " %7.2fx", Ratio(measurement, s));
      out += line;
    }
    out += '\n';
  }
  return out;
}

std::string Json(const Measurement& measurement) {
  nlohmann::ordered_json json;
  json["name"] = measurement.name;
  json["unit"] = measurement.unit;
  for (const Series& s : measurement.series) {
    nlohmann::ordered_json one;
    one["target"] = s.target;
    one["median"] = Median(s.values);
    one["values"] = s.values;
    if (&s != &measurement.series.front()) one["first_is_better_by"] = Ratio(measurement, s);
    json["series"].push_back(std::move(one));
  }
  return json.dump();
}

}  // namespace swarm::bench
