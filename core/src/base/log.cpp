#include "base/log.h"

#include <google/protobuf/stubs/logging.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cstdio>

namespace swarm {
namespace {

// The format travels in the logger's name, the one property a child can read back cheaply.
constexpr const char* kJsonName = "json";

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

std::string_view LevelWord(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      break;
  }
  return "off";
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char escaped[8];
          std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
          out += escaped;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '/' || c == '@' || c == '^' ||
                       c == '+' || c == ':';
    if (!plain) return true;
  }
  return false;
}

void AppendField(std::string& out, bool json, std::string_view key, std::string_view value) {
  if (json) {
    out += ',';
    AppendQuoted(out, key);
    out += ':';
    AppendQuoted(out, value);
    return;
  }
  out += ' ';
  out += key;
  out += '=';
  if (NeedsQuotes(value)) {
    AppendQuoted(out, value);
  } else {
    out += value;
  }
}

}  // namespace

Logger::Logger() = default;

Logger::Logger(std::shared_ptr<spdlog::logger> backend, std::vector<LogField> fields)
    : backend_(std::move(backend)),
      fields_(std::make_shared<const std::vector<LogField>>(std::move(fields))) {}

Logger Logger::With(std::string_view key, std::string_view value) const {
  if (!backend_) return {};
  std::vector<LogField> fields;
  if (fields_) fields = *fields_;
  std::erase_if(fields, [&](const LogField& f) { return f.key == key; });
  fields.push_back({std::string(key), std::string(value)});
  return Logger(backend_, std::move(fields));
}

Logger Logger::ForModule(std::string_view module) const { return With("module", module); }

bool Logger::Enabled(LogLevel level) const {
  return backend_ && backend_->should_log(ToSpdlog(level));
}

void Logger::Write(LogLevel level, std::string_view message, std::vector<LogField> fields) const {
  if (!Enabled(level)) return;
  const bool json = backend_->name() == kJsonName;
  std::string line;
  if (json) {
    line += "\"level\":";
    AppendQuoted(line, LevelWord(level));
    line += ",\"msg\":";
    AppendQuoted(line, message);
  } else {
    line += "level=";
    line += LevelWord(level);
    line += " msg=";
    AppendQuoted(line, message);
  }
  if (fields_) {
    for (const LogField& f : *fields_) AppendField(line, json, f.key, f.value);
  }
  for (const LogField& f : fields) AppendField(line, json, f.key, f.value);
  backend_->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

Logger MakeLogger(const LogOptions& options) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  const bool json = options.format == LogFormat::kJson;
  auto backend = std::make_shared<spdlog::logger>(json ? kJsonName : "text", std::move(sink));
  backend->set_level(ToSpdlog(options.level));
  backend->flush_on(spdlog::level::debug);
  backend->set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ",%v})" : R"(time="%Y-%m-%dT%H:%M:%S.%fZ" %v)",
      spdlog::pattern_time_type::utc);
  return Logger(std::move(backend));
}

void RouteProtobufLog(const Logger& logger) {
  // The library takes a plain function: the logger has to live somewhere until the process ends.
  static Logger* const target = new Logger;
  *target = logger.ForModule("protobuf");
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char*, int,
                                     const std::string& message) { target->Debug(message); });
}

Result<LogLevel> ParseLogLevel(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn" || name == "warning") return LogLevel::kWarn;
  if (name == "error" || name == "fatal" || name == "panic") return LogLevel::kError;
  return Status(Code::kInvalidArgument, "not a valid log level: \"" + std::string(name) +
                                            "\"; use debug, info, warn or error");
}

}  // namespace swarm
