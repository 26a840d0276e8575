// Names of this program's functions, read from the symbol table in its own file: also those of
// functions that the dynamic linker knows nothing of, which most are.
//
//   file, mapped   [ELF header] … [.symtab: value, size, name] [.strtab: names] … [section headers]
//
// Threads     One at a time. Everything is async-signal-safe: the file is mapped, nothing is allocated.
// Why         Exporting every function to the dynamic linker would name only those with external
//             linkage and keep the linker from dropping and inlining them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alai {

class SymbolTable {
 public:
  // Of the running program. Empty when its file cannot be read or has been stripped.
  SymbolTable();
  SymbolTable(const SymbolTable&) = delete;
  SymbolTable& operator=(const SymbolTable&) = delete;
  ~SymbolTable();

  // The function that `address` lies in, as the linker spells it (c++filt makes it readable), and how
  // far into it. An empty name when it is none of this program's. The name lives as long as the table.
  std::string_view NameOf(uintptr_t address, uint64_t* offset) const;

 private:
  void Find();

  const char* file_ = nullptr;
  size_t file_bytes_ = 0;
  const void* symbols_ = nullptr;  // Elf64_Sym
  size_t symbol_count_ = 0;
  const char* names_ = nullptr;
  size_t name_bytes_ = 0;
  uintptr_t base_ = 0;  // what has to be added to a symbol's value
};

}  // namespace alai
