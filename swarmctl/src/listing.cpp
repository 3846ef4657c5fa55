#include "listing.h"

namespace swarm::ctl {

FlagSpec FormatFlag() {
  FlagSpec out{"format", 0, FlagKind::kString, "text", "Output format (text|json)"};
  out.choices = {"text", "json"};
  return out;
}

FlagSpec AllTasksFlag() {
  return {"all", 'a', FlagKind::kBool, "", "Show all tasks (default shows just running)"};
}

std::vector<FlagSpec> ListFlags(const std::string& filters) {
  return {{"quiet", 'q', FlagKind::kBool, "", "Only display IDs"},
          FormatFlag(),
          {"filter", 'f', FlagKind::kRepeated, "", "Only what matches key=value: " + filters}};
}

Result<Form> WantedForm(Invocation& run) {
  const std::string format = run.flags.String("format");
  if (format != "text" && format != "json") {
    return run.Misused("--format must be text or json: " + format);
  }
  if (!run.flags.Bool("quiet")) return format == "json" ? Form::kJson : Form::kText;
  if (format == "json") return run.Misused("--quiet and --format json exclude each other");
  return Form::kIds;
}

}  // namespace swarm::ctl
