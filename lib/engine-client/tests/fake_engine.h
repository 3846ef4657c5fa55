// An HTTP server in the hands of a test: it answers as told, also wrongly, or not at all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace swarm::engine::test {

struct FakeRequest {
  std::string method;
  std::string target;                          // path with query, as it came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// One connection, on a thread of its own.
class FakeConnection {
 public:
  FakeConnection(int fd, std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {}

  // False when the client closed, or the server stops.
  bool ReadRequest(FakeRequest& out);
  // False when the client is gone.
  bool Write(const std::string& bytes);
  // 200 with a content length.
  bool Answer(int status, const std::string& body, const std::string& extra_headers = "");
  bool BeginChunked(const std::string& extra_headers = "");
  bool Chunk(const std::string& bytes);
  bool EndChunked() { return Write("0\r\n\r\n"); }
  // Until the client closes or the server stops.
  void WaitForClose();
  // After the handler has returned the connection is closed, not kept.
  void CloseAfter() { keep_ = false; }
  bool keep() const { return keep_; }

 private:
  bool Fill();
  bool ReadChunkedBody(std::string& body);
  bool TakeLine(std::string& line);
  bool TakeBytes(std::size_t count, std::string& out);

  const int fd_;
  std::atomic<bool>& stopping_;
  std::string input_;
  bool keep_ = true;
};

class FakeEngine {
 public:
  using Handler = std::function<void(FakeConnection&, const FakeRequest&)>;

  // On a unix socket in a folder of its own, or on a port of the loopback.
  enum class Kind { kUnix, kTcp };
  explicit FakeEngine(Kind kind = Kind::kUnix);
  ~FakeEngine();

  const std::string& address() const { return address_; }
  // Answers "METHOD /path", the path without version and query. _ping is answered with `api`.
  void On(const std::string& call, Handler handler);
  void SetApi(std::string api);
  // Closes everything; Start listens again at the same address.
  void Stop();
  void Start();
  // Lets nobody in any more, and still answers on the connections there are. Only on a unix socket.
  void Leave();

  // What was asked, in order: "GET /v1.41/info?x=y".
  std::vector<std::string> Asked();
  int connections() const { return connections_; }

 private:
  void Accept();
  void Serve(int fd);

  const Kind kind_;
  std::string folder_;
  std::string address_;
  int port_ = 0;
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::string api_ = "1.41";  // guarded by mutex_, as all below
  std::map<std::string, Handler> handlers_;
  std::vector<std::string> asked_;
  std::vector<std::thread> threads_;
};

}  // namespace swarm::engine::test
