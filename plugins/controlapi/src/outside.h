// What a change of the root depends on outside of the cluster: whether external authorities
// answer, and a signature of theirs. Asked before the transaction, which must wait for nobody, and
// looked up in it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cfssl/client.h"
#include "swarm/function.h"
#include "swarm/status.h"

namespace swarm::controlapi {

struct Question {
  enum Kind : unsigned char {
    kReach,      // does one of the authorities show a certificate of `root_pem`?
    kCrossSign,  // the new root, signed by one of them
  } kind = kReach;
  std::vector<std::string> urls;
  std::string root_pem;  // of the authorities
  std::string new_root_pem;
  std::string new_key_pem;

  auto operator<=>(const Question&) const = default;
};

// Answers of one request. Threading: one user at a time.
class Answers {
 public:
  // Null when it was not asked yet; it is `open()` then.
  const Result<std::string>* Find(const Question& question);
  void Add(const Question& question, Result<std::string> answer);
  const std::optional<Question>& open() const { return open_; }

 private:
  std::map<Question, Result<std::string>> known_;
  std::optional<Question> open_;
};

// Threading: [any].
class Outside {
 public:
  virtual ~Outside() = default;
  // The signed certificate, or an empty text for "yes". `done` on any thread, maybe at once.
  virtual void Ask(const Question& question, Function<void(Result<std::string>)> done) = 0;
  // What is under way ends soon.
  virtual void Cancel() noexcept = 0;
};

std::unique_ptr<Outside> MakeOutside(Runtime& runtime, cfssl::Client::Presented presented);

}  // namespace swarm::controlapi
