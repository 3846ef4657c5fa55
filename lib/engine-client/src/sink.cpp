#include "sink.h"

#include <utility>

namespace swarm::engine {
namespace {

class BodySink final : public Sink {
 public:
  explicit BodySink(std::size_t limit) : limit_(limit) {}
  void Push(std::string_view bytes) override {
    over_ = over_ || bytes.size() > limit_ - body_.size();
    if (!over_) body_.append(bytes);
  }
  Step Deliver(const Flow&) override { return over_ ? Step::kTooLarge : Step::kMore; }
  std::string_view content() const override { return "body"; }
  std::string TakeBody() override { return std::move(body_); }

 private:
  const std::size_t limit_;
  std::string body_;
  bool over_ = false;
};

class JsonSink final : public Sink {
 public:
  JsonSink(Function<void(nlohmann::json&)> object, std::size_t limit)
      : object_(std::move(object)), decoder_(limit) {}
  void Push(std::string_view bytes) override { decoder_.Push(bytes); }
  Step Deliver(const Flow& flow) override {
    while (!flow.held()) {
      nlohmann::json object;
      const Step step = decoder_.Next(object);
      if (step != Step::kItem) return step;
      object_(object);
    }
    return decoder_.AtEnd() ? Step::kMore : Step::kItem;
  }
  bool AtEnd() const override { return decoder_.AtEnd(); }
  std::string_view content() const override { return "JSON object"; }

 private:
  Function<void(nlohmann::json&)> object_;
  JsonDecoder decoder_;
};

class ByteSink final : public Sink {
 public:
  explicit ByteSink(Function<void(std::string_view)> bytes) : bytes_(std::move(bytes)) {}
  // Nothing is pushed while the flow is held, so bytes need not be kept.
  void Push(std::string_view bytes) override { bytes_(bytes); }
  Step Deliver(const Flow&) override { return Step::kMore; }
  std::string_view content() const override { return "body"; }

 private:
  Function<void(std::string_view)> bytes_;
};

class FrameSink final : public Sink {
 public:
  FrameSink(Function<void(const Frame&)> frame, FrameFormat format, std::size_t limit)
      : frame_(std::move(frame)), format_(format), decoder_(limit) {}
  void OnHead(const Head& head) override {
    // Engines before API 1.42 call everything a raw stream, so only this one says something.
    if (head.content_type.starts_with("application/vnd.docker.multiplexed-stream"))
      format_ = FrameFormat::kMultiplexed;
  }
  void Push(std::string_view bytes) override {
    if (format_ == FrameFormat::kMultiplexed) return decoder_.Push(bytes);
    frame_(Frame{Frame::kStdout, bytes});
  }
  Step Deliver(const Flow& flow) override {
    while (!flow.held()) {
      Frame frame;
      const Step step = decoder_.Next(frame);
      if (step != Step::kItem) return step;
      frame_(frame);
    }
    return decoder_.AtEnd() ? Step::kMore : Step::kItem;
  }
  bool AtEnd() const override { return decoder_.AtEnd(); }
  std::string_view content() const override { return "frame of output"; }

 private:
  Function<void(const Frame&)> frame_;
  FrameFormat format_;
  FrameDecoder decoder_;
};

}  // namespace

std::unique_ptr<Sink> MakeBodySink(std::size_t limit) { return std::make_unique<BodySink>(limit); }

std::unique_ptr<Sink> MakeJsonSink(Function<void(nlohmann::json&)> object, std::size_t limit) {
  return std::make_unique<JsonSink>(std::move(object), limit);
}

std::unique_ptr<Sink> MakeFrameSink(Function<void(const Frame&)> frame, FrameFormat format,
                                    std::size_t limit) {
  return std::make_unique<FrameSink>(std::move(frame), format, limit);
}

std::unique_ptr<Sink> MakeByteSink(Function<void(std::string_view)> bytes) {
  return std::make_unique<ByteSink>(std::move(bytes));
}

}  // namespace swarm::engine
