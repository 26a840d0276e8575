// Statements of a rule: what is wrong with one, the query of many keys that follows from the query of one, and
// which table it reads.
//
// A rule's `query` is about one key: $1 … are its captures in their order. The batch query is about many: $1 …
// are arrays of the captures' types, the first key's captures first in each. It has one of two forms.
//
//   derived   its first column is the place of the key among those asked for, 1 the first, and behind it
//             come the query's own columns. A list's rows come in their order.
//
//               SELECT alai_key.n, alai_row.*
//               FROM unnest($1::uuid[]) WITH ORDINALITY AS alai_key(c1, n),
//                    LATERAL (<the query with alai_key.c1 for $1>) AS alai_row
//
//   given     its first columns are the captures themselves, as many as the pattern has, and behind them
//             come the columns that the query of one key gives:
//
//               SELECT id, to_jsonb(m) FROM memories m WHERE id = ANY($1)
//
// Threads     Pure functions.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/record.h"
#include "storage/origin/key_pattern.h"
#include "storage/origin/sql_lexer.h"

namespace alai::origin {

// One statement, as views into the SQL that it was read from.
struct Statement {
  std::string_view text;  // without a ';' at its end, and comments around it
  std::vector<SqlToken> tokens;
};

// Fails for none, for several, for what is no SQL, and for brackets that are not in pairs, which would reach
// out of the query that is built around it.
absl::Status ReadStatement(std::string_view sql, Statement* statement);

// Whether it is one that gives rows and may stand in brackets: SELECT, WITH, VALUES, TABLE.
bool IsQuery(const Statement& statement);

// That $1 … are all used, and no others. `names`: what each of them is, for the message.
absl::Status CheckParameters(const Statement& statement, const std::vector<std::string>& names);

// The batch query that is derived from a query.
std::string DeriveBatchQuery(const Statement& query, Type type, const KeyPattern& pattern);

// The one table of a query, and for each parameter the column of it that the query compares with it:
// SELECT … FROM table … WHERE column = $1 [AND …]. False when the query is not as simple as that.
bool FindTable(const Statement& query, size_t parameters, std::string* table,
               std::vector<std::string>* columns);

// A table's name, perhaps with its schema, as SQL spells it: quoted where it has to be.
absl::Status ReadTableName(std::string_view text, std::string* table);
// The names of which it is made: schema and table, or the table alone.
std::vector<std::string> TableNameParts(std::string_view table);
// The name with all of its parts quoted.
std::string QuotedTableName(std::string_view table);
// Names of columns with commas between them, and back.
absl::Status ReadColumnNames(std::string_view text, std::vector<std::string>* columns);
std::string ColumnNamesText(const std::vector<std::string>& columns);

}  // namespace alai::origin
