#include <string>
#include <vector>

#include "gotext/gotext.h"

namespace swarm::gotext {

Result<std::vector<std::string>> ParseCsv(std::string_view record) {
  std::vector<std::string> out;
  if (record.empty()) return out;
  std::size_t at = 0;
  for (;;) {
    std::string field;
    if (at < record.size() && record[at] == '"') {
      for (++at;; ++at) {
        if (at >= record.size()) {
          return Status(Code::kInvalidArgument, "parse error on line 1, column " +
                                                    std::to_string(record.size() + 1) +
                                                    ": extraneous or missing \" in quoted-field");
        }
        if (record[at] != '"') {
          field += record[at];
        } else if (at + 1 < record.size() && record[at + 1] == '"') {
          field += record[at++];
        } else {
          ++at;
          break;
        }
      }
      if (at < record.size() && record[at] != ',') {
        return Status(Code::kInvalidArgument, "parse error on line 1, column " +
                                                  std::to_string(at + 1) +
                                                  ": extraneous or missing \" in quoted-field");
      }
    } else {
      while (at < record.size() && record[at] != ',') {
        if (record[at] == '"') {
          return Status(Code::kInvalidArgument, "parse error on line 1, column " +
                                                    std::to_string(at + 1) +
                                                    ": bare \" in non-quoted-field");
        }
        field += record[at++];
      }
    }
    out.push_back(std::move(field));
    if (at >= record.size()) return out;
    ++at;  // the comma
  }
}

}  // namespace swarm::gotext
