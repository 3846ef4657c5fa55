// Errors as values. Codes are gRPC's, one to one, and go over the wire unchanged.
//
// Retry just the call: kUnavailable. Read again, then write again: kAborted. Do not retry until
// something is fixed: kFailedPrecondition. Where SwarmKit fixes a code or a text, SwarmKit wins.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "swarm/check.h"
#include "swarm/export.h"

namespace swarm {

enum class Code : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NotFound" and so on: gRPC's names as Go prints them.
SWARM_EXPORT std::string_view CodeName(Code code);

class [[nodiscard]] SWARM_EXPORT Status {
 public:
  Status() = default;
  // A message has no trailing full stop and names the object it is about.
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // "NotFound: service web not found", for logs.
  std::string ToString() const;

  // The same code with `context` and ": " in front of the message; once a layer. OK stays OK.
  Status WithContext(std::string_view context) const;

  friend bool operator==(const Status& a, const Status& b) = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

SWARM_EXPORT std::ostream& operator<<(std::ostream& out, const Status& status);

// A value or the reason why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit on purpose
    SWARM_CHECK(!status_.ok(), "an OK Result needs a value");
  }
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit on purpose

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }

  T& value() & {
    SWARM_CHECK(ok(), status_.message().c_str());
    return *value_;
  }
  const T& value() const& {
    SWARM_CHECK(ok(), status_.message().c_str());
    return *value_;
  }
  T&& value() && {
    SWARM_CHECK(ok(), status_.message().c_str());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace swarm

#define SWARM_STATUS_CONCAT_(a, b) a##b
#define SWARM_STATUS_NAME_(a, b) SWARM_STATUS_CONCAT_(a, b)

// Returns from the enclosing function when `expression` (a Status) is not OK.
#define SWARM_RETURN_IF_ERROR(expression)                                                        \
  do {                                                                                           \
    if (::swarm::Status swarm_status_ = (expression); !swarm_status_.ok()) return swarm_status_; \
  } while (false)

// Declares `declaration` from the value of `expression` (a Result), or returns its Status.
#define SWARM_ASSIGN_OR_RETURN(declaration, expression)            \
  auto SWARM_STATUS_NAME_(swarm_result_, __LINE__) = (expression); \
  if (!SWARM_STATUS_NAME_(swarm_result_, __LINE__).ok())           \
    return SWARM_STATUS_NAME_(swarm_result_, __LINE__).status();   \
  declaration = std::move(SWARM_STATUS_NAME_(swarm_result_, __LINE__)).value()
