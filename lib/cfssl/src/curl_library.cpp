#include "curl_library.h"

#include <dlfcn.h>

#include <string>

namespace swarm::cfssl {

namespace {

constexpr const char* kName = "libcurl.so.4";

// Looks functions up; remembers whether all were there.
class Symbols {
 public:
  explicit Symbols(void* library) : library_(library) {}
  template <class F>
  void Find(const char* name, F& function) {
    function = reinterpret_cast<F>(dlsym(library_, name));
    if (function == nullptr) missing_ = name;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* const library_;
  std::string missing_;
};

Status Unusable(const std::string& why) {
  return {Code::kUnavailable, "external CAs are reached through " + std::string(kName) +
                                  ", which cannot be used: " + why + "; install libcurl4"};
}

}  // namespace

Result<CurlLibrary> CurlLibrary::Load() {
  void* library = dlopen(kName, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return Unusable(dlerror());
  CurlLibrary out;
  Symbols symbols(library);
  symbols.Find("curl_global_init", out.global_init);
  symbols.Find("curl_slist_append", out.slist_append);
  symbols.Find("curl_slist_free_all", out.slist_free_all);
  symbols.Find("curl_easy_init", out.easy_init);
  symbols.Find("curl_easy_setopt", out.easy_setopt);
  symbols.Find("curl_easy_getinfo", out.easy_getinfo);
  symbols.Find("curl_easy_strerror", out.easy_strerror);
  symbols.Find("curl_easy_cleanup", out.easy_cleanup);
  symbols.Find("curl_multi_init", out.multi_init);
  symbols.Find("curl_multi_add_handle", out.multi_add_handle);
  symbols.Find("curl_multi_perform", out.multi_perform);
  symbols.Find("curl_multi_poll", out.multi_poll);
  symbols.Find("curl_multi_wakeup", out.multi_wakeup);
  symbols.Find("curl_multi_info_read", out.multi_info_read);
  symbols.Find("curl_multi_remove_handle", out.multi_remove_handle);
  symbols.Find("curl_multi_cleanup", out.multi_cleanup);
  if (!symbols.missing().empty()) return Unusable("it has no " + symbols.missing());
  if (out.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Unusable("it does not start");
  return out;
}

}  // namespace swarm::cfssl
