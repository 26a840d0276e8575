#include "storage/origin/trigger_sql.h"

#include <cstdio>

#include "storage/crc64.h"
#include "storage/origin/change_notice.h"
#include "storage/origin/sql_lexer.h"
#include "storage/origin/statement.h"

namespace alai::origin {
namespace {

constexpr size_t kIdentifierBytesMax = 63;  // PostgreSQL cuts longer ones

// A name that no other rule has, however long the rule's own is.
std::string NameFor(const char* what, const std::string& rule) {
  std::string name = std::string(what) + rule;
  if (name.size() <= kIdentifierBytesMax) return name;
  char digest[18];
  const int length = std::snprintf(digest, sizeof digest, "_%016llx",
                                   static_cast<unsigned long long>(Crc64(0, rule)));
  name.resize(kIdentifierBytesMax - static_cast<size_t>(length));
  return name + digest;
}

// The names that the statements are about, quoted.
struct Names {
  std::string table;
  std::string function;  // in the table's schema
  std::string row_trigger;
  std::string truncate_trigger;
};

absl::Status ReadNames(const Rule& rule, Names* names) {
  const std::vector<std::string> parts = TableNameParts(rule.table);
  if (parts.empty() || rule.columns.empty()) {
    return absl::FailedPreconditionError(
        "origin rule '" + rule.name +
        "' does not say which table to watch: its query is not as simple as SELECT … FROM table "
        "WHERE "
        "column = $1, and the options 'table' and 'columns' are not given");
  }
  const std::string schema = parts.size() == 2 ? QuotedSqlName(parts[0]) + "." : "";
  names->table = QuotedTableName(rule.table);
  names->function = schema + QuotedSqlName(NameFor("alai_changed_", rule.name));
  names->row_trigger = QuotedSqlName(NameFor("alai_changed_", rule.name));
  names->truncate_trigger = QuotedSqlName(NameFor("alai_truncated_", rule.name));
  return absl::OkStatus();
}

// The captures of a row, as a notification has them; NULL when one of them is.
std::string KeyExpression(const Rule& rule, const char* row) {
  std::string expression;
  for (const std::string& column : rule.columns) {
    std::string text = row;
    text.append(".").append(QuotedSqlName(column)).append("::pg_catalog.text");
    if (!expression.empty()) expression += "\n        || ";
    expression.append("' ' || pg_catalog.octet_length(pg_catalog.convert_to(").append(text);
    expression.append(", 'UTF8')) || ':' || ").append(text);
  }
  return expression;
}

std::string FunctionBody(const Rule& rule) {
  const std::string rule_text = SqlText(rule.name);
  const std::string channel = SqlText(kChangeChannel);
  return "DECLARE\n"
         "  sent pg_catalog.text := ' @' || pg_catalog.floor(pg_catalog.date_part('epoch', "
         "pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8;\n"
         "  key_before pg_catalog.text;\n"
         "  key_now pg_catalog.text;\n"
         "BEGIN\n"
         "  IF TG_LEVEL = 'STATEMENT' THEN\n"
         "    key_now := ' *';\n"
         "  ELSE\n"
         "    IF TG_OP <> 'INSERT' THEN\n"
         "      key_before := " +
         KeyExpression(rule, "OLD") +
         ";\n"
         "    END IF;\n"
         "    IF TG_OP <> 'DELETE' THEN\n"
         "      key_now := " +
         KeyExpression(rule, "NEW") +
         ";\n"
         "    END IF;\n"
         "    IF key_before = key_now THEN\n"
         "      key_before := NULL;\n"
         "    END IF;\n"
         "  END IF;\n"
         "  IF key_before IS NOT NULL THEN\n"
         "    IF pg_catalog.octet_length(" +
         rule_text + " || key_before || sent) >= " + std::to_string(kPayloadBytesMax) +
         " THEN\n"
         "      key_before := ' *';\n"
         "    END IF;\n"
         "    PERFORM pg_catalog.pg_notify(" +
         channel + ", " + rule_text +
         " || key_before || sent);\n"
         "  END IF;\n"
         "  IF key_now IS NOT NULL THEN\n"
         "    IF pg_catalog.octet_length(" +
         rule_text + " || key_now || sent) >= " + std::to_string(kPayloadBytesMax) +
         " THEN\n"
         "      key_now := ' *';\n"
         "    END IF;\n"
         "    PERFORM pg_catalog.pg_notify(" +
         channel + ", " + rule_text +
         " || key_now || sent);\n"
         "  END IF;\n"
         "  RETURN NULL;\n"
         "END\n";
}

// The body as a constant between dollars, whose tag it does not hold.
std::string DollarQuoted(const std::string& body) {
  std::string tag = "$alai$";
  for (int i = 1; body.find(tag) != std::string::npos; ++i) tag = "$alai" + std::to_string(i) + "$";
  return tag + "\n" + body + tag;
}

}  // namespace

absl::Status TriggerSql(const Rule& rule, std::string* statements) {
  Names names;
  absl::Status status = ReadNames(rule, &names);
  if (!status.ok()) return status;
  const std::string run = " EXECUTE FUNCTION " + names.function + "();\n";
  *statements = "CREATE OR REPLACE FUNCTION " + names.function +
                "() RETURNS trigger LANGUAGE plpgsql AS " + DollarQuoted(FunctionBody(rule)) +
                ";\n"
                "CREATE OR REPLACE TRIGGER " +
                names.row_trigger + " AFTER INSERT OR UPDATE OR DELETE ON " + names.table +
                "\n  FOR EACH ROW" + run + "CREATE OR REPLACE TRIGGER " + names.truncate_trigger +
                " AFTER TRUNCATE ON " + names.table + "\n  FOR EACH STATEMENT" + run;
  return absl::OkStatus();
}

absl::Status DropTriggerSql(const Rule& rule, std::string* statements) {
  Names names;
  absl::Status status = ReadNames(rule, &names);
  if (!status.ok()) return status;
  *statements = "DROP TRIGGER IF EXISTS " + names.row_trigger + " ON " + names.table +
                ";\n"
                "DROP TRIGGER IF EXISTS " +
                names.truncate_trigger + " ON " + names.table +
                ";\n"
                "DROP FUNCTION IF EXISTS " +
                names.function + "();\n";
  return absl::OkStatus();
}

}  // namespace alai::origin
