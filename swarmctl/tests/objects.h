// Fixed objects, as a manager would tell them.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "swarmkit/v1/control.pb.h"

namespace swarm::ctl {

template <class M>
M Make(const std::string& text) {
  M out;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &out)) << text;
  return out;
}

}  // namespace swarm::ctl
