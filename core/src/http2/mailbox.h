// What other threads have for the sockets' thread: many pieces, one wake-up.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "swarm/export.h"
#include "swarm/function.h"
#include "tls/io_thread.h"

namespace swarm::http2 {

// Threading: [any].
class SWARM_EXPORT Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  // True on the IoThread; false where it was posted, when the mailbox is closed: there is no
  // such thread any more, and only callbacks may be answered.
  using Letter = Function<void(bool open)>;

  // `emptied` runs on the IoThread after each batch.
  Mailbox(tls::IoThread& io, Function<void()> emptied);

  // In order, not inside of this call unless the mailbox is closed.
  void Post(Letter letter);
  // [io] `emptied` runs soon, if nothing else makes it run.
  void PostNothing();
  // [io] After what was posted has been delivered.
  void Close();

 private:
  void Deliver();
  // Under the lock, which also keeps the thread from ending in between.
  void Schedule();

  std::mutex mutex_;   // guards the next three
  tls::IoThread* io_;  // null: closed
  std::vector<Letter> letters_;
  bool scheduled_ = false;
  std::vector<Letter> delivering_;  // [io]
  bool busy_ = false;               // [io] inside of Deliver
  Function<void()> emptied_;        // [io]
};

}  // namespace swarm::http2
