// One message of a call, in whichever form it came.
#include <google/protobuf/message.h>

#include <typeinfo>

#include "swarm/rpc.h"

namespace swarm {

Payload Payload::FromBytes(std::string bytes) {
  Payload payload;
  payload.bytes_ = std::make_shared<const std::string>(std::move(bytes));
  return payload;
}

Payload Payload::FromMessage(std::shared_ptr<const google::protobuf::Message> message) {
  Payload payload;
  payload.message_ = std::move(message);
  return payload;
}

std::string Payload::Bytes() const {
  if (message_) return message_->SerializeAsString();
  return bytes_ ? *bytes_ : std::string();
}

std::size_t Payload::ByteSize() const {
  if (message_) return message_->ByteSizeLong();
  return bytes_ ? bytes_->size() : 0;
}

Result<std::shared_ptr<const google::protobuf::Message>> Payload::Convert(
    std::shared_ptr<google::protobuf::Message> into) const {
  // The same C++ type, not only the same descriptor: the caller casts without asking again.
  const google::protobuf::Message& wanted = *into;
  const google::protobuf::Message* held = message_.get();
  if (held != nullptr && typeid(*held) == typeid(wanted)) return message_;
  const bool parsed = message_ ? into->ParseFromString(message_->SerializeAsString())
                               : !bytes_ || into->ParseFromString(*bytes_);
  if (!parsed) {
    return Status(Code::kInvalidArgument,
                  "the message is not a well-formed " + into->GetDescriptor()->full_name());
  }
  return std::shared_ptr<const google::protobuf::Message>(std::move(into));
}

}  // namespace swarm
