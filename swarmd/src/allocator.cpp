// What swarmd asks of jemalloc, which reads this symbol before main; MALLOC_CONF still overrides
// it. An idle manager is to be small: two arenas are enough for the few threads that allocate,
// and what a burst of writes leaves behind goes back to the system within a second, by jemalloc's
// own thread, since ours may all be asleep. Measured: 5 instead of 16 MB of heap when idle, and
// the same number of writes a second.
extern "C" {
__attribute__((visibility("default"))) extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true";
}
