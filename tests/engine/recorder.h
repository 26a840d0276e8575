// Writes effects and events down as words, in the order in which they arrive.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/change_log.h"
#include "engine/key_events.h"

namespace alai {

class Recorder final : public ChangeLog, public KeyEventSink {
 public:
  void Append(int db, std::span<const std::string_view> command) override {
    std::string line = "log" + std::to_string(db) + ":";
    for (const std::string_view word : command) line.append(" ").append(word);
    lines.push_back(line);
  }
  bool Reserve(size_t bytes) override { return true; }
  void OnKeyEvent(KeyEventClass event_class, std::string_view name, int db, KeyView key) override {
    lines.push_back("event" + std::to_string(db) + ": " + std::string(name) + " " +
                    std::string(key.bytes));
    classes.push_back(event_class);
  }
  void OnDatabaseReplaced(int db) override { lines.push_back("replaced" + std::to_string(db)); }

  // What arrived since the last call.
  std::vector<std::string> Take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;
  std::vector<KeyEventClass> classes;
};

}  // namespace alai
