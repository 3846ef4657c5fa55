#include "json.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <memory>

namespace swarm::ctl {
namespace {

constexpr const char* kTypes = "type.googleapis.com";

// With the entries of maps in order, which the plain way does not promise.
std::string Serialized(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  namespace util = google::protobuf::util;
  const std::unique_ptr<util::TypeResolver> types(util::NewTypeResolverForDescriptorPool(
      kTypes, google::protobuf::DescriptorPool::generated_pool()));
  util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string out;
  const auto status =
      util::BinaryToJsonString(types.get(), kTypes + ("/" + message.GetDescriptor()->full_name()),
                               Serialized(message), &out, options);
  if (!status.ok()) return "null";
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace swarm::ctl
