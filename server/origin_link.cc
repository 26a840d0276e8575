#include "server/origin_link.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "engine/base/log.h"
#include "storage/origin/postgres_module.h"

namespace alai {
namespace {

// Lines of the module, which has a log of its own, go the way of ours.
class ForwardingSink final : public LogSink {
 public:
  void Write(LogLevel level, std::string_view line) override {
    if (LogEnabled(level)) Log(level, "%.*s", static_cast<int>(line.size()), line.data());
  }
};

// Beside the program, where a build leaves it, or where it is installed.
void* OpenModule() {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path name = origin::kPostgresModule;
  const std::array paths = {program.parent_path() / name,
                            program.parent_path().parent_path() / ALAI_MODULE_SUBFOLDER / name,
                            std::filesystem::path(ALAI_MODULE_FOLDER) / name};
  for (const std::filesystem::path& path : paths) {
    if (access(path.c_str(), R_OK) != 0) continue;
    if (void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return module;
    Log(LogLevel::kWarning, "%s", dlerror());
    return nullptr;
  }
  Log(LogLevel::kWarning, "There is no %s in %s", origin::kPostgresModule, ALAI_MODULE_FOLDER);
  return nullptr;
}

}  // namespace

std::unique_ptr<origin::SourceFactory> MakeOriginSources(const OriginAddress& address) {
  static ForwardingSink sink;
  static void* const module = OpenModule();
  if (module == nullptr) return nullptr;
  const auto make =
      reinterpret_cast<origin::PostgresModuleFunction>(dlsym(module, origin::kPostgresModuleEntry));
  if (make == nullptr) return nullptr;
  origin::PostgresOptions options;
  options.address = {address.url, address.password_file};
  options.listen_url = address.listen_url;
  return std::unique_ptr<origin::SourceFactory>(make(options, sink));
}

}  // namespace alai
