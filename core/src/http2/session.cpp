#include "http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "rpc/method_table.h"
#include "swarm/check.h"

namespace swarm::http2 {
namespace {

// A manager forwards the calls of many clients over one connection; more wait at the peer.
constexpr std::uint32_t kMaxCalls = 16384;
constexpr std::uint32_t kStreamWindow = 1 << 20;
constexpr std::int32_t kConnectionWindow = 16 << 20;
// Of one request, names and values, as gRPC limits it.
constexpr std::size_t kMaxHeaderBytes = 16 << 10;
// Requests that are not complete or not taken by their handlers; whoever has shown no certificate
// has few reasons to send much.
constexpr std::size_t kMaxBuffered = 64 << 20;
constexpr std::size_t kMaxBufferedAnonymous = 8 << 20;

constexpr std::string_view kContentType = "application/grpc";

nghttp2_nv Header(std::string_view name, std::string_view value, bool copy_value = false) {
  // Neither is changed; both outlive the call that takes them, and what is copied need not longer.
  nghttp2_nv out{};
  out.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
  out.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  out.namelen = name.size();
  out.valuelen = value.size();
  out.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
  if (!copy_value) out.flags |= NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  return out;
}

std::string_view Digits(Code code) {
  static constexpr std::array<std::string_view, 17> kDigits = {
      "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
  const auto index = static_cast<std::size_t>(code);
  return index < kDigits.size() ? kDigits[index] : kDigits[2];
}

// gRPC's own headers, which handlers have no use for.
bool IsReserved(std::string_view name) {
  return name == "te" || name == "content-type" || name == "user-agent" ||
         name.starts_with("grpc-") || name.ends_with("-bin");
}

}  // namespace

Host::~Host() = default;

struct Http2Session::Head {
  std::string path;
  std::string method;
  std::string content_type;
  std::string timeout;
  Metadata metadata;
  std::size_t bytes = 0;
};

// What nghttp2 calls.
struct Callbacks {
  static Http2Session& Self(void* user) { return *static_cast<Http2Session*>(user); }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (IsRequest(frame)) Self(user).BeginHead(frame->hd.stream_id);
    return 0;
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
    if (!IsRequest(frame)) return 0;
    const bool taken = Self(user).AddHeader({reinterpret_cast<const char*>(name), name_size},
                                            {reinterpret_cast<const char*>(value), value_size});
    return taken ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = Self(user);
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_SETTINGS) self.greeted_ = true;
    if (IsRequest(frame)) return self.EndHead(frame->hd.stream_id, last), 0;
    if (last && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      self.RequestEnded(frame->hd.stream_id);
    }
    return 0;
  }

  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                    std::size_t size, void* user) {
    Self(user).Data(stream, {reinterpret_cast<const char*>(data), size});
    return 0;
  }

  static int OnStreamClose(nghttp2_session*, std::int32_t stream, std::uint32_t, void* user) {
    Self(user).StreamClosed(stream);
    return 0;
  }

  static int OnSent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    // The answer is complete: the peer need not send the rest of its request.
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && last &&
        nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int OnNotSent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) {
      Self(user).Reset(frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session*, std::int32_t stream, std::uint8_t* into,
                          std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                          void* user) {
    auto& call = *static_cast<Call*>(source->ptr);
    const std::size_t filled = call.Output({reinterpret_cast<char*>(into), size});
    if (!call.has_output() && call.end()) {
      *flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Self(user).SubmitEnd(stream, *call.end(), false);
    } else if (filled == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(filled);
  }

  static bool IsRequest(const nghttp2_frame* frame) {
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  }

  // One set for all sessions; never freed, like the code it points to.
  static nghttp2_session_callbacks* Get() {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      SWARM_CHECK(nghttp2_session_callbacks_new(&made) == 0, "no memory");
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, BeginHeaders);
      nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnData);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClose);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, OnSent);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, OnNotSent);
      return made;
    }();
    return callbacks;
  }

  static nghttp2_option* Options() {
    static nghttp2_option* const options = [] {
      nghttp2_option* made = nullptr;
      SWARM_CHECK(nghttp2_option_new(&made) == 0, "no memory");
      // Who is slow to take what it is sent holds back the sender.
      nghttp2_option_set_no_auto_window_update(made, 1);
      return made;
    }();
    return options;
  }
};

Http2Session::Http2Session(Host& host, Peer peer, Function<void()> flush)
    : host_(host), peer_(std::move(peer)), flush_(std::move(flush)) {
  const int made =
      nghttp2_session_server_new2(&session_, Callbacks::Get(), this, Callbacks::Options());
  SWARM_CHECK(made == 0, "no memory for an HTTP/2 session");
  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxCalls},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2Session::~Http2Session() {
  Closed();
  nghttp2_session_del(session_);
}

bool Http2Session::Receive(std::span<const char> bytes) {
  const auto taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  failed_ = taken < 0;
  return !failed_;
}

std::size_t Http2Session::Output(std::span<char> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    if (pending_.empty()) {
      const std::uint8_t* data = nullptr;
      const auto size = nghttp2_session_mem_send(session_, &data);
      failed_ = failed_ || size < 0;
      if (size <= 0) break;
      pending_ = {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
    }
    const std::size_t take = std::min(pending_.size(), into.size() - filled);
    std::memcpy(into.data() + filled, pending_.data(), take);
    pending_ = pending_.subspan(take);
    filled += take;
  }
  return filled;
}

bool Http2Session::finished() const {
  return failed_ || (pending_.empty() && nghttp2_session_want_read(session_) == 0 &&
                     nghttp2_session_want_write(session_) == 0);
}

void Http2Session::Closed() {
  if (std::exchange(closed_, true)) return;
  auto calls = std::exchange(calls_, {});
  for (auto& [stream, open] : calls) {
    open.call->Closed();
    host_.Ended(open.call);
  }
  buffered_ = 0;
  host_.Left(*this);
}

void Http2Session::Changed() {
  if (!closed_ && !std::exchange(changed_, true)) host_.Changed(shared_from_this());
}

void Http2Session::Flush() {
  changed_ = false;
  if (!closed_) flush_();
}

void Http2Session::Drain() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Changed();
}

void Http2Session::BeginHead(std::int32_t) { head_ = std::make_unique<Head>(); }

bool Http2Session::AddHeader(std::string_view name, std::string_view value) {
  if (!head_) return true;
  Head& head = *head_;
  head.bytes += name.size() + value.size();
  if (head.bytes > kMaxHeaderBytes) {
    head_.reset();
    return false;
  }
  if (name == ":path") {
    head.path = value;
  } else if (name == ":method") {
    head.method = value;
  } else if (name == "content-type") {
    head.content_type = value;
  } else if (name == "grpc-timeout") {
    head.timeout = value;
  } else if (!name.starts_with(':') && !IsReserved(name)) {
    head.metadata.emplace(name, value);
  }
  return true;
}

void Http2Session::EndHead(std::int32_t stream, bool request_ended) {
  if (!head_) return;
  if (const int misfit = Misfit(); misfit != 0) {
    const auto text = std::to_string(misfit);
    const std::array<nghttp2_nv, 1> headers = {Header(":status", text, true)};
    nghttp2_submit_response(session_, stream, headers.data(), headers.size(), nullptr);
  } else {
    BeginCall(stream, request_ended);
  }
  head_.reset();
}

int Http2Session::Misfit() const {
  if (head_->method != "POST") return 405;
  if (!std::string_view(head_->content_type).starts_with(kContentType)) return 415;
  return 0;
}

rpc::CallInfo Http2Session::Describe() {
  rpc::CallInfo info;
  info.method = std::move(head_->path);
  info.listener = host_.listener();
  info.caller = peer_.identity;
  info.remote_address = peer_.address;
  info.metadata = std::move(head_->metadata);
  if (const auto timeout = ParseTimeout(head_->timeout)) info.deadline = host_.now() + *timeout;
  return info;
}

void Http2Session::BeginCall(std::int32_t stream, bool request_ended) {
  auto call = std::make_shared<Call>(
      Describe(), Call::Settings{host_.max_message_bytes(), host_.mailbox(), this, stream});
  const auto* method = rpc::MethodTable::Get().Find(call->method());
  Open& open = calls_[stream];
  open.call = call;
  open.unary = method != nullptr && method->unary();
  host_.Began(call);
  if (!open.unary) host_.Open(call);  // also what nobody knows: the target says so
  if (request_ended) RequestEnded(stream);
}

void Http2Session::Data(std::int32_t stream, std::span<const char> data) {
  nghttp2_session_consume_connection(session_, data.size());
  Open* open = Find(stream);
  if (open == nullptr) return Consume(stream, data.size());
  const auto call = open->call;
  (void)call->Receive(data);  // what it ends with is on its way
  DispatchIfComplete(*open);
  Recount(*open);
  if (call->behind()) {
    open->held_back += data.size();
  } else {
    Consume(stream, std::exchange(open->held_back, 0) + data.size());
  }
  const bool anonymous = host_.listener() == Listener::kRemote && !peer_.identity->has_value();
  if (buffered_ > (anonymous ? kMaxBufferedAnonymous : kMaxBuffered)) {
    call->Abort({Code::kResourceExhausted,
                 "too much of unfinished requests on one connection: send less at a time"});
    Recount(*open);
  }
}

void Http2Session::DispatchIfComplete(Open& open) {
  if (!open.unary || open.dispatched) return;
  auto request = open.call->TakeFirst();
  if (!request) return;
  open.dispatched = true;
  host_.Dispatch(open.call, std::move(*request));
}

void Http2Session::RequestEnded(std::int32_t stream) {
  Open* open = Find(stream);
  if (open == nullptr) return;
  if (open->unary && !open->dispatched) {
    return open->call->Abort({Code::kUnimplemented, "the call came without a request"});
  }
  open->call->RequestsEnded();
}

void Http2Session::StreamClosed(std::int32_t stream) {
  const auto node = calls_.extract(stream);
  if (node.empty()) return;
  const Open& open = node.mapped();
  buffered_ -= open.counted;
  open.call->Closed();
  host_.Ended(open.call);
}

void Http2Session::Recount(Open& open) {
  const std::size_t now = open.call->buffered();
  buffered_ += now - open.counted;
  open.counted = now;
}

void Http2Session::Consume(std::int32_t stream, std::size_t bytes) {
  nghttp2_session_consume_stream(session_, stream, bytes);
}

void Http2Session::Taken(std::int32_t stream, std::size_t) {
  Open* open = Find(stream);
  if (open == nullptr) return;
  Recount(*open);
  if (open->held_back == 0 || open->call->behind()) return;
  Consume(stream, std::exchange(open->held_back, 0));
  Changed();
}

void Http2Session::Ready(std::int32_t stream) {
  Open* open = Find(stream);
  if (open == nullptr) return;
  if (open->call->begun) {
    nghttp2_session_resume_data(session_, stream);
  } else {
    SubmitResponse(stream, *open->call);
  }
  Changed();
}

void Http2Session::SubmitResponse(std::int32_t stream, Call& call) {
  call.begun = true;
  if (!call.has_output() && call.end()) return SubmitEnd(stream, *call.end(), true);
  const std::array<nghttp2_nv, 2> headers = {Header(":status", "200"),
                                             Header("content-type", kContentType)};
  nghttp2_data_provider body{};
  body.source.ptr = &call;
  body.read_callback = Callbacks::ReadBody;
  nghttp2_submit_response(session_, stream, headers.data(), headers.size(), &body);
}

void Http2Session::SubmitEnd(std::int32_t stream, const Status& status, bool alone) {
  const std::string message = EncodeMessage(status.message());
  std::array<nghttp2_nv, 4> headers{};
  std::size_t count = 0;
  if (alone) {
    headers[count++] = Header(":status", "200");
    headers[count++] = Header("content-type", kContentType);
  }
  headers[count++] = Header("grpc-status", Digits(status.code()));
  if (!message.empty()) headers[count++] = Header("grpc-message", message, true);
  if (alone) {
    nghttp2_submit_response(session_, stream, headers.data(), count, nullptr);
  } else {
    nghttp2_submit_trailer(session_, stream, headers.data(), count);
  }
}

void Http2Session::Reset(std::int32_t stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code);
}

Http2Session::Open* Http2Session::Find(std::int32_t stream) {
  const auto found = calls_.find(stream);
  return found == calls_.end() ? nullptr : &found->second;
}

}  // namespace swarm::http2
