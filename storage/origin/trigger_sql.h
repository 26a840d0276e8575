// SQL that makes a database tell of changes to a rule's table: a function and two triggers.
//
// After each row that is inserted, updated or deleted, the function sends the keys that the row had and has
// (change_notice.h); after a TRUNCATE, and where a key is too long for a notification, that any key may have
// changed. A row whose columns are NULL has no key. Notifications are sent when the transaction commits.
// Running the statements again puts the present ones in the place of earlier ones; they need PostgreSQL 14
// and a role that owns the table. The names of the function and the triggers follow from that of the rule, so
// several rules may watch one table.
//
// Threads     Pure functions.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "storage/origin/rule.h"

namespace alai::origin {

// Fails for a rule that has no table.
absl::Status TriggerSql(const Rule& rule, std::string* statements);
// Takes back what TriggerSql() has made.
absl::Status DropTriggerSql(const Rule& rule, std::string* statements);

}  // namespace alai::origin
