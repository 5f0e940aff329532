/* Symbol tables of the program and of its modules: names of functions that no other file sees, kernels among them. */

#include "ptx-block.h"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string>
#include <unordered_map>

namespace
{

using Names = std::unordered_map<uint64_t, std::string>;

std::vector<char>
read_file (const char *path)
{
  std::vector<char> bytes;
  char room[65536];
  size_t n;

  if (FILE *file = std::fopen (path, "rb"))
    {
      while ((n = std::fread (room, 1, sizeof room, file)) > 0)
        bytes.insert (bytes.end (), room, room + n);
      std::fclose (file);
    }
  return bytes;
}

template <typename T>
T
read_at (const std::vector<char> &bytes, size_t offset)
{
  T value{};

  if (offset <= bytes.size () && sizeof value <= bytes.size () - offset)
    std::memcpy (&value, bytes.data () + offset, sizeof value);
  return value;
}

/* @base: what the loader added to the addresses of the file. */
Names
read_names (const char *path, uint64_t base)
{
  std::vector<char> bytes = read_file (path);
  auto header = read_at<ElfW (Ehdr)> (bytes, 0);
  Names names;

  for (size_t i = 0; i < header.e_shnum; i++)
    {
      auto table = read_at<ElfW (Shdr)> (bytes, header.e_shoff + i * header.e_shentsize);

      if (table.sh_type != SHT_SYMTAB)
        continue;
      auto strings = read_at<ElfW (Shdr)> (bytes, header.e_shoff + table.sh_link * header.e_shentsize);
      for (size_t at = 0; at + sizeof (ElfW (Sym)) <= table.sh_size; at += sizeof (ElfW (Sym)))
        {
          auto symbol = read_at<ElfW (Sym)> (bytes, table.sh_offset + at);

          if ((symbol.st_info & 0xf) == STT_FUNC && symbol.st_value != 0)
            names[base + symbol.st_value] = bytes.data () + strings.sh_offset + symbol.st_name;
        }
    }
  return names;
}

} // namespace

const char *
ptx_find_symbol (const void *address)
{
  static std::unordered_map<uint64_t, Names> objects; /* by the address of their beginning */
  Dl_info info;
  link_map *map;

  if (dladdr1 (address, &info, (void **) &map, RTLD_DL_LINKMAP) == 0)
    return nullptr;
  Names &names = objects[(uint64_t) info.dli_fbase];
  if (names.empty ())
    names = read_names (map->l_name[0] != '\0' ? map->l_name : "/proc/self/exe", map->l_addr);
  auto name = names.find ((uint64_t) address);

  return name == names.end () ? nullptr : name->second.c_str ();
}
