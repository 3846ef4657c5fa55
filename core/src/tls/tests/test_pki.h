// Certificates as swarms have them, made on the spot.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "swarm/network.h"

namespace swarm::tls {

class TestCa {
 public:
  struct Leaf {
    std::string node_id = "n1";
    std::string organization = "cluster";
    std::string role = "swarm-manager";
    bool expired = false;
  };

  explicit TestCa(std::string name = "swarm-ca");
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  const std::string& root_pem() const { return root_pem_; }
  // Leaf, key and this CA's root.
  std::shared_ptr<const Credentials> Issue(const Leaf& leaf) const;
  std::shared_ptr<const Credentials> Issue(const std::string& node_id,
                                           const std::string& role) const;
  // This CA's name and key, signed by `other`: the intermediate of a rotation.
  std::string CrossSignedBy(const TestCa& other) const;

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string name_;
  std::string root_pem_;
};

}  // namespace swarm::tls
