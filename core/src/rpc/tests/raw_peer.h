// Peers that do not behave like ours: bare sockets and bare TLS.
#pragma once

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

#include "tls/context.h"
#include "tls/openssl.h"

namespace swarm::rpc {

// A blocking socket connected to a unix path.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawPeer() { Close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void Send(std::string_view bytes) { (void)!send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Whether the other side closes before `patience_ms` have passed.
  bool IsClosed(int patience_ms) {
    char byte = 0;
    pollfd waiting{fd_, POLLIN, 0};
    while (poll(&waiting, 1, patience_ms) == 1) {
      if (recv(fd_, &byte, 1, 0) <= 0) return true;
    }
    return false;
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
  bool connected_ = false;
};

// A TLS client as little as can be, over a RawPeer.
class RawTls {
 public:
  // `alpn` in wire form; empty: none is offered.
  RawTls(RawPeer& peer, std::string_view alpn) : context_(SSL_CTX_new(TLS_client_method())) {
    if (!alpn.empty()) {
      SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                              static_cast<unsigned>(alpn.size()));
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), peer.fd());
  }
  bool Connect() { return SSL_connect(ssl_.get()) == 1; }
  std::string Alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  // Speaks as much HTTP/2 as makes a server send its settings; the first 9 bytes of its answer.
  std::string Http2Settings() {
    constexpr char kHello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    SSL_write(ssl_.get(), kHello, sizeof(kHello));
    std::string header(9, '\0');
    const int got = SSL_read(ssl_.get(), header.data(), 9);
    header.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return header;
  }

 private:
  tls::SslContextPtr context_;
  tls::SslPtr ssl_;
};

}  // namespace swarm::rpc
