// INFO's section on key classes, one line each: class_session:keys=10,bytes=1234,… Without classes there is
// no such section, and INFO is what it is elsewhere.
#include <cstdio>
#include <string>

#include "engine/store.h"
#include "server/info/info.h"
#include "server/key_class_report.h"
#include "server/server.h"

namespace alai {

void AppendKeyClassesInfo(const InfoContext& context, InfoText& info) {
  Store& store = context.server.store();
  const KeyClasses* classes = store.key_classes();
  if (classes == nullptr) return;
  info.Section("Keyclasses");
  for (const KeyClass& key_class : classes->all()) {
    std::string line = "class_" + key_class.name + ":";
    char separator = 0;
    for (const KeyClassFigure& figure : KeyClassFigures(store, key_class)) {
      if (separator != 0) line += separator;
      separator = ',';
      line.append(figure.name).append("=");
      char ratio[16];
      std::snprintf(ratio, sizeof ratio, "%.4f", figure.ratio);
      line += figure.is_ratio ? ratio : std::to_string(figure.value);
    }
    info.Line(line);
  }
}

}  // namespace alai
