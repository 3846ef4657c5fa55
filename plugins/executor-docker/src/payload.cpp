#include "payload.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace swarm::executor_docker {
namespace {

constexpr std::uint32_t kPermissionBits = 07777;
constexpr std::size_t kBlock = 512;

PayloadFile FileOf(const pb::FileTarget& target, std::string_view folder) {
  PayloadFile out;
  out.target = target.name().starts_with('/') ? target.name() : std::string(folder) + target.name();
  // Checked to be numbers or empty when the task came.
  out.uid = static_cast<std::uint32_t>(std::strtoul(target.uid().c_str(), nullptr, 10));
  out.gid = static_cast<std::uint32_t>(std::strtoul(target.gid().c_str(), nullptr, 10));
  out.mode = target.mode() & kPermissionBits;
  return out;
}

void WriteOctal(char* field, std::size_t width, std::uint64_t value) {
  field[width - 1] = '\0';
  for (std::size_t i = width - 1; i-- > 0; value /= 8) {
    field[i] = static_cast<char>('0' + value % 8);
  }
}

// A ustar header of a plain file.
struct Header {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char time[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char user[32];
  char group[32];
  char major[8];
  char minor[8];
  char prefix[155];
  char padding[12];
};
static_assert(sizeof(Header) == kBlock);

// Splits at a slash when it does not fit into the name alone.
bool SetName(const std::string& path, Header* header) {
  if (path.size() <= sizeof header->name) {
    std::memcpy(header->name, path.data(), path.size());
    return true;
  }
  for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
    const std::size_t rest = path.size() - slash - 1;
    if (slash > sizeof header->prefix || rest > sizeof header->name || rest == 0) continue;
    std::memcpy(header->prefix, path.data(), slash);
    std::memcpy(header->name, path.data() + slash + 1, rest);
    return true;
  }
  return false;
}

Status AppendFile(const PayloadFile& file, std::string* out) {
  Header header{};
  if (!SetName(file.target.substr(1), &header)) {
    return {Code::kInvalidArgument, "the path is too long: " + file.target};
  }
  WriteOctal(header.mode, sizeof header.mode, file.mode);
  // Owners beyond seven octal digits do not fit this format.
  constexpr std::uint32_t kLargestOwner = 07777777;
  if (file.uid > kLargestOwner || file.gid > kLargestOwner) {
    return {Code::kInvalidArgument, file.target + ": the owner's number is too large"};
  }
  WriteOctal(header.uid, sizeof header.uid, file.uid);
  WriteOctal(header.gid, sizeof header.gid, file.gid);
  WriteOctal(header.size, sizeof header.size, file.data.size());
  WriteOctal(header.time, sizeof header.time, 0);
  header.type = '0';
  std::memcpy(header.magic, "ustar", 6);
  std::memcpy(header.version, "00", 2);
  std::memset(header.checksum, ' ', sizeof header.checksum);
  std::array<unsigned char, kBlock> bytes;
  std::memcpy(bytes.data(), &header, kBlock);
  std::uint64_t sum = 0;
  for (const unsigned char byte : bytes) sum += byte;
  WriteOctal(header.checksum, sizeof header.checksum - 1, sum);
  out->append(reinterpret_cast<const char*>(&header), kBlock);
  out->append(file.data);
  out->append((kBlock - file.data.size() % kBlock) % kBlock, '\0');
  return {};
}

Status NoStore(const char* kind, const std::string& id) {
  return {Code::kFailedPrecondition,
          std::string(kind) + " " + id + ": this node was given no secrets and configs"};
}

}  // namespace

Result<std::vector<PayloadFile>> PayloadsOf(const pb::Task& task,
                                            const Dependencies* dependencies) {
  std::vector<PayloadFile> out;
  const pb::ContainerSpec& spec = task.spec().container();
  for (const pb::SecretReference& reference : spec.secrets()) {
    if (!reference.has_file()) continue;
    if (!dependencies) return NoStore("secret", reference.secret_id());
    SWARM_ASSIGN_OR_RETURN(const auto secret, dependencies->Secret(reference.secret_id()));
    PayloadFile file = FileOf(reference.file(), "/run/secrets/");
    file.secret = true;
    file.data = secret->spec().data();
    out.push_back(std::move(file));
  }
  for (const pb::ConfigReference& reference : spec.configs()) {
    if (!reference.has_file()) continue;
    if (!dependencies) return NoStore("config", reference.config_id());
    SWARM_ASSIGN_OR_RETURN(const auto config, dependencies->Config(reference.config_id()));
    PayloadFile file = FileOf(reference.file(), "/");
    // A template may have put a secret into it.
    file.secret = config->spec().has_templating() && spec.secrets_size() > 0;
    file.data = config->spec().data();
    out.push_back(std::move(file));
  }
  return out;
}

Result<std::string> TarOf(const std::vector<PayloadFile>& files) {
  std::string out;
  for (const PayloadFile& file : files) SWARM_RETURN_IF_ERROR(AppendFile(file, &out));
  out.append(2 * kBlock, '\0');
  return out;
}

}  // namespace swarm::executor_docker
