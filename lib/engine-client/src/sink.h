// Where the body of a success goes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "decoders.h"
#include "engine_client/client.h"
#include "transfer.h"

namespace swarm::engine {

// What the call's owner asked for; looked at before each item.
struct Flow {
  bool paused = false;
  bool cancelled = false;
  bool held() const { return paused || cancelled; }
};

// Threading: [io]. Hands items out while the flow is not held.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void OnHead(const Head& /*head*/) {}
  virtual void Push(std::string_view bytes) = 0;
  // kMore: all that is whole was handed out. kItem: held, with items left.
  virtual Step Deliver(const Flow& flow) = 0;
  // Whether the answer may end here.
  virtual bool AtEnd() const { return true; }
  // The name of what it is made of, for errors.
  virtual std::string_view content() const = 0;
  virtual std::string TakeBody() { return {}; }
};

std::unique_ptr<Sink> MakeBodySink(std::size_t limit);
std::unique_ptr<Sink> MakeJsonSink(Function<void(nlohmann::json&)> object, std::size_t limit);
std::unique_ptr<Sink> MakeFrameSink(Function<void(const Frame&)> frame, FrameFormat format,
                                    std::size_t limit);
std::unique_ptr<Sink> MakeByteSink(Function<void(std::string_view)> bytes);

}  // namespace swarm::engine
