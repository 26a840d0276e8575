#include "server/process/symbol_table.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

// The first byte of this program in memory; the linker's own symbol.
extern "C" const char __ehdr_start;

namespace alai {

SymbolTable::SymbolTable() {
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat status;
  if (fstat(fd, &status) == 0 && status.st_size >= static_cast<off_t>(sizeof(Elf64_Ehdr))) {
    file_bytes_ = static_cast<size_t>(status.st_size);
    void* mapped = mmap(nullptr, file_bytes_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped != MAP_FAILED) file_ = static_cast<const char*>(mapped);
  }
  close(fd);
  if (file_ != nullptr) Find();
}

SymbolTable::~SymbolTable() {
  if (file_ != nullptr) munmap(const_cast<char*>(file_), file_bytes_);
}

void SymbolTable::Find() {
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(file_);
  const bool readable = std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
                        header->e_ident[EI_CLASS] == ELFCLASS64 &&
                        header->e_shentsize == sizeof(Elf64_Shdr) &&
                        header->e_shoff <= file_bytes_ &&
                        header->e_shnum <= (file_bytes_ - header->e_shoff) / sizeof(Elf64_Shdr);
  if (!readable) return;
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(file_ + header->e_shoff);
  const auto inside = [this](const Elf64_Shdr& section) {
    return section.sh_offset <= file_bytes_ && section.sh_size <= file_bytes_ - section.sh_offset;
  };
  for (size_t i = 0; i < header->e_shnum; ++i) {
    const Elf64_Shdr& section = sections[i];
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= header->e_shnum) continue;
    const Elf64_Shdr& names = sections[section.sh_link];
    if (!inside(section) || !inside(names)) continue;
    symbols_ = file_ + section.sh_offset;
    symbol_count_ = section.sh_size / sizeof(Elf64_Sym);
    names_ = file_ + names.sh_offset;
    name_bytes_ = names.sh_size;
    base_ = header->e_type == ET_DYN ? reinterpret_cast<uintptr_t>(&__ehdr_start) : 0;
    return;
  }
}

std::string_view SymbolTable::NameOf(uintptr_t address, uint64_t* offset) const {
  const auto* symbols = static_cast<const Elf64_Sym*>(symbols_);
  for (size_t i = 0; i < symbol_count_; ++i) {
    const Elf64_Sym& symbol = symbols[i];
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
    const uintptr_t begin = base_ + symbol.st_value;
    if (address < begin || address - begin >= symbol.st_size) continue;
    if (symbol.st_name >= name_bytes_) continue;
    const char* name = names_ + symbol.st_name;
    *offset = address - begin;
    return {name, strnlen(name, name_bytes_ - symbol.st_name)};
  }
  return {};
}

}  // namespace alai
