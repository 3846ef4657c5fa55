#include "outside.h"

#include <utility>

namespace swarm::controlapi {

namespace {

class OverHttps final : public Outside {
 public:
  OverHttps(Runtime& runtime, cfssl::Client::Presented presented)
      : client_(runtime, cfssl::MakeHttps(runtime.clock()), std::move(presented)) {}

  void Ask(const Question& question, Function<void(Result<std::string>)> done) override {
    if (question.kind == Question::kReach) {
      return client_.Reach(question.urls, question.root_pem,
                           [done = std::move(done)](const Status& status) mutable {
                             done(status.ok() ? Result<std::string>(std::string()) : status);
                           });
    }
    const auto key = pki::PrivateKey::FromPem(question.new_key_pem);
    auto request = key.ok() ? cfssl::CrossSignRequest(question.new_root_pem, *key)
                            : Result<std::string>(key.status());
    if (!request.ok()) return done(request.status());
    client_.Sign(question.urls, std::move(*request), question.root_pem, std::move(done));
  }
  void Cancel() noexcept override { client_.Cancel(); }

 private:
  cfssl::Client client_;
};

}  // namespace

const Result<std::string>* Answers::Find(const Question& question) {
  const auto found = known_.find(question);
  if (found != known_.end()) return &found->second;
  open_ = question;
  return nullptr;
}

void Answers::Add(const Question& question, Result<std::string> answer) {
  known_.insert_or_assign(question, std::move(answer));
  open_.reset();
}

std::unique_ptr<Outside> MakeOutside(Runtime& runtime, cfssl::Client::Presented presented) {
  return std::make_unique<OverHttps>(runtime, std::move(presented));
}

}  // namespace swarm::controlapi
