#include "ptx-traffic.h"
#include "ptx-block.h"

#include <algorithm>
#include <map>
#include <tuple>

#define WARP 32
#define SECTOR 32
#define BANKS 32

bool ptx_traffic_counts;

namespace
{

struct Access
{
  unsigned lane;
  uint64_t address;
  unsigned n;
};

/* What a warp's lanes do at one instruction: the lanes' accesses with the same index belong together. */
struct Instruction
{
  PtxPlace place;
  bool shared;
  bool writes;
  std::vector<Access> lanes[WARP];
};

using Key = std::tuple<std::string, std::string, bool, bool, unsigned>;

/* By warp, instruction and kind of memory, of which cp.async has both. */
std::map<std::tuple<unsigned, unsigned, bool>, Instruction> block;
std::map<Key, PtxTraffic> counted;

/* "_Z16steer_gemv_tilesIL13SteerCudaType5ELi1E..." -> "steer_gemv_tiles" */
std::string
short_name (const std::string &mangled)
{
  size_t at = 2;
  size_t n = 0;

  while (at < mangled.size () && mangled[at] >= '0' && mangled[at] <= '9')
    n = n * 10 + (size_t) (mangled[at++] - '0');
  return mangled.substr (at, n);
}

uint64_t
divide_up (uint64_t a, uint64_t b)
{
  return (a + b - 1) / b;
}

size_t
count_distinct (std::vector<uint64_t> *numbers)
{
  std::sort (numbers->begin (), numbers->end ());
  return (size_t) (std::unique (numbers->begin (), numbers->end ()) - numbers->begin ());
}

/* Sectors of device memory that a request touches, and those that its bytes would fill. */
void
count_sectors (const std::vector<Access> &request, PtxTraffic *traffic)
{
  std::vector<uint64_t> sectors, pairs;

  for (const Access &access : request)
    for (uint64_t byte = access.address; byte < access.address + access.n; byte += 2)
      {
        sectors.push_back (byte / SECTOR);
        pairs.push_back (byte / 2);
      }
  traffic->n_passes += count_distinct (&sectors);
  traffic->n_least += divide_up (2 * count_distinct (&pairs), SECTOR);
}

/* Half a warp asks at once for 8 bytes a lane, a quarter for 16. A pass gives one word of each bank. */
void
count_passes (const std::vector<Access> &request, unsigned n, PtxTraffic *traffic)
{
  unsigned at_once = n <= 4 ? WARP : 4 * WARP / n;
  std::vector<uint64_t> all;

  for (unsigned first = 0; first < WARP; first += at_once)
    {
      std::vector<uint64_t> words;
      unsigned in_bank[BANKS] = {};

      for (const Access &access : request)
        if (access.lane >= first && access.lane < first + at_once)
          for (uint64_t word = access.address / 4; word <= (access.address + n - 1) / 4; word++)
            words.push_back (word);
      all.insert (all.end (), words.begin (), words.end ());
      words.resize (count_distinct (&words));
      for (uint64_t word : words)
        in_bank[word % BANKS]++;
      traffic->n_passes += *std::max_element (in_bank, in_bank + BANKS);
    }
  traffic->n_least += divide_up (count_distinct (&all), BANKS);
}

void
count_instruction (const Instruction &instruction)
{
  size_t n_requests = 0;

  for (const std::vector<Access> &lane : instruction.lanes)
    n_requests = std::max (n_requests, lane.size ());
  for (size_t i = 0; i < n_requests; i++)
    {
      std::vector<Access> request;

      for (const std::vector<Access> &lane : instruction.lanes)
        if (i < lane.size ())
          request.push_back (lane[i]);

      std::string kernel = short_name (ptx_launch.entry->name);
      std::string place = std::string (ptx_launch.module->files[instruction.place.file]) + ":"
                          + std::to_string (instruction.place.line);
      unsigned n = request[0].n;
      PtxTraffic &traffic = counted[{ kernel, place, instruction.shared, instruction.writes, n }];

      traffic.kernel = kernel;
      traffic.place = place;
      traffic.shared = instruction.shared;
      traffic.writes = instruction.writes;
      traffic.n_bytes = n;
      traffic.n_requests++;
      if (instruction.shared)
        count_passes (request, n, &traffic);
      else
        count_sectors (request, &traffic);
    }
}

} // namespace

void
ptx_traffic_count (bool count)
{
  ptx_traffic_counts = count;
  block.clear ();
  counted.clear ();
}

std::vector<PtxTraffic>
ptx_traffic_get ()
{
  std::vector<PtxTraffic> all;

  for (const auto &entry : counted)
    all.push_back (entry.second);
  return all;
}

void
ptx_traffic_note (unsigned instruction, PtxPlace place, bool shared, bool writes, uint64_t address, unsigned n)
{
  Instruction &noted = block[{ threadIdx.x / WARP, instruction, shared }];

  noted.place = place;
  noted.shared = shared;
  noted.writes = writes;
  noted.lanes[threadIdx.x % WARP].push_back ({ threadIdx.x % WARP, address, n });
}

void
ptx_traffic_end_block ()
{
  for (const auto &entry : block)
    count_instruction (entry.second);
  block.clear ();
}
