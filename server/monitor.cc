#include "server/monitor.h"

#include <cstdio>

#include "server/client.h"
#include "server/server.h"
#include "server/slow_log.h"
#include "server/worker.h"

namespace alai {

void AppendQuoted(std::string* out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\\':
      case '"':
        out->push_back('\\');
        out->push_back(c);
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      case '\a':
        out->append("\\a");
        break;
      case '\b':
        out->append("\\b");
        break;
      default:
        if (byte >= 0x20 && byte < 0x7f) {
          out->push_back(c);
        } else {
          out->append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
        }
    }
  }
  out->push_back('"');
}

std::string MonitorLine(const CommandInfo& command, Arguments argv, const Client& client,
                        int64_t wall_us) {
  char head[64];
  const int size = std::snprintf(head, sizeof head, "+%lld.%06lld [%d ",
                                 static_cast<long long>(wall_us / 1000000),
                                 static_cast<long long>(wall_us % 1000000), client.db_index());
  std::string line(head, static_cast<size_t>(size));
  if (client.has(kClientUnixSocket)) {
    // Only the path, without the port that CLIENT LIST adds.
    line += "unix:" + client.local_address.substr(0, client.local_address.rfind(':'));
  } else {
    line += client.address;
  }
  line += ']';
  for (size_t i = 0; i < argv.size(); ++i) {
    line += ' ';
    if (IsSecretArgument(command, argv, i)) {
      line += "\"(redacted)\"";
    } else {
      AppendQuoted(&line, argv[i]);
    }
  }
  line += "\r\n";
  return line;
}

void Monitors::Add(const Worker& worker) {
  Queue& queue = queues_[static_cast<size_t>(worker.index())];
  std::lock_guard lock(queue.mutex);
  ++queue.monitors;
  count_.fetch_add(1, std::memory_order_relaxed);
}

void Monitors::Remove(const Worker& worker) {
  Queue& queue = queues_[static_cast<size_t>(worker.index())];
  std::lock_guard lock(queue.mutex);
  if (--queue.monitors == 0) queue.lines.clear();
  count_.fetch_sub(1, std::memory_order_relaxed);
}

void Monitors::Feed(const CommandInfo& command, Arguments argv, const Client& client,
                    int64_t wall_us) {
  const std::string line = MonitorLine(command, argv, client, wall_us);
  const auto workers = client.worker().server().workers();
  for (size_t i = 0; i < queues_.size(); ++i) {
    Queue& queue = queues_[i];
    std::lock_guard lock(queue.mutex);
    if (queue.monitors == 0) continue;
    const bool first = queue.lines.empty();
    queue.lines += line;
    if (first) workers[i]->Post([](Worker& worker) { worker.SendMonitorLines(); });
  }
}

std::string Monitors::Take(const Worker& worker) {
  Queue& queue = queues_[static_cast<size_t>(worker.index())];
  std::lock_guard lock(queue.mutex);
  return std::exchange(queue.lines, {});
}

std::string Monitors::Pending(const Worker& worker) {
  Queue& queue = queues_[static_cast<size_t>(worker.index())];
  std::lock_guard lock(queue.mutex);
  return queue.lines;
}

}  // namespace alai
