// What every `ls` and `inspect` shares: -q, --filter, --format.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "command.h"
#include "json.h"
#include "swarm/status.h"
#include "table.h"

namespace swarm::ctl {

enum class Form : unsigned char { kText, kJson, kIds };

// `filters`: the keys, for the help.
std::vector<FlagSpec> ListFlags(const std::string& filters);
FlagSpec FormatFlag();
FlagSpec AllTasksFlag();
Result<Form> WantedForm(Invocation& run);

// `row`: the cells of one object.
template <class Objects, class Row>
void ShowObjects(Invocation& run, Form form, const Objects& objects, Table table,
                 const std::vector<std::string>& titles, Row row) {
  if (form == Form::kJson) {
    run.out += ToJsonArray(objects) + "\n";
    return;
  }
  if (form == Form::kIds) {
    for (const auto& object : objects) run.out += object.id() + "\n";
    return;
  }
  table.Header(titles);
  for (const auto& object : objects) table.Row(row(object));
  run.out += table.Text();
}

}  // namespace swarm::ctl
