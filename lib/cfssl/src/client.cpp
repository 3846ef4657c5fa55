#include "cfssl/client.h"

#include <utility>

namespace swarm::cfssl {

namespace {

// What each of several authorities said.
class Failures {
 public:
  void Add(const std::string& url, const Status& why) {
    if (!text_.empty()) text_ += "; ";
    text_ += url + ": " + why.message();
    if (why.code() != Code::kPermissionDenied) code_ = Code::kUnavailable;
    if (why.code() == Code::kCancelled) cancelled_ = true;
  }
  bool cancelled() const { return cancelled_; }
  Status ToStatus() const { return {cancelled_ ? Code::kCancelled : code_, text_}; }

 private:
  std::string text_;
  Code code_ = Code::kPermissionDenied;
  bool cancelled_ = false;
};

}  // namespace

Client::Client(Runtime& runtime, std::unique_ptr<Transport> transport, Presented presented)
    : runtime_(runtime), transport_(std::move(transport)), presented_(std::move(presented)) {}

Client::~Client() {
  transport_->Cancel();
  const std::lock_guard lock(mutex_);
  if (loop_) loop_->Stop();
}

Loop& Client::loop() {
  const std::lock_guard lock(mutex_);
  if (!loop_) loop_ = runtime_.NewLoop("external-ca", LoopKind::kBlocking);
  return *loop_;
}

void Client::Sign(std::vector<std::string> urls, std::string request, std::string trusted_pem,
                  Function<void(Result<std::string>)> done) {
  loop().Post([this, urls = std::move(urls), request = std::move(request),
               roots = std::move(trusted_pem), done = std::move(done)]() mutable {
    const Trust trust = TrustIn(std::move(roots));
    Failures failures;
    for (const std::string& url : urls) {
      const auto answer = transport_->Post(url, request, trust);
      auto certificate = answer.ok() ? ReadAnswer(*answer) : Result<std::string>(answer.status());
      if (certificate.ok()) return done(std::move(certificate));
      failures.Add(url, certificate.status());
      if (failures.cancelled()) break;
    }
    done(failures.ToStatus());
  });
}

void Client::Reach(std::vector<std::string> urls, std::string trusted_pem,
                   Function<void(Status)> done) {
  loop().Post([this, urls = std::move(urls), roots = std::move(trusted_pem),
               done = std::move(done)]() mutable {
    const Trust trust = TrustIn(std::move(roots));
    Failures failures;
    for (const std::string& url : urls) {
      const Status status = transport_->Connect(url, trust);
      if (status.ok()) return done({});
      failures.Add(url, status);
      if (failures.cancelled()) break;
    }
    done(failures.ToStatus());
  });
}

}  // namespace swarm::cfssl
