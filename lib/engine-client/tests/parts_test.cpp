// Addresses, versions, paths, and the cutting of streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decoders.h"
#include "engine_client/address.h"

namespace swarm::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(AddressTest, TakesASocketsPathAndAHostWithPort) {
  const auto unix = ParseAddress("unix:///var/run/docker.sock");
  ASSERT_TRUE(unix.ok()) << unix.status();
  EXPECT_EQ(unix->path, "/var/run/docker.sock");
  EXPECT_TRUE(unix->local());
  const auto tcp = ParseAddress("tcp://engine-7.example:2376");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_EQ(tcp->host, "engine-7.example");
  EXPECT_EQ(tcp->port, 2376);
  EXPECT_FALSE(tcp->local());
  const auto v6 = ParseAddress("tcp://[fd00::7]:2375/");
  ASSERT_TRUE(v6.ok()) << v6.status();
  EXPECT_EQ(v6->host, "fd00::7");
  EXPECT_EQ(v6->text, "tcp://[fd00::7]:2375/");
}

TEST(AddressTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {"npipe:////./pipe/docker_engine", "Windows"},
      {"unix://docker.sock", "absolute path"},
      {"unix://", "absolute path"},
      {"tcp://10.0.0.5", "port is missing"},
      {"tcp://[::1]", "port is missing"},
      {"tcp://:2375", "host is missing"},
      {"tcp://fd00::7:2375", "brackets"},
      {"tcp://h:0", "1 to 65535"},
      {"tcp://h:65536", "1 to 65535"},
      {"tcp://h:12x", "1 to 65535"},
      {"tcp://user@h:2375", "only a host"},
      {"tcp://h/path:2375", "only a host"},
      {"http://h:2375", "unix:///path or tcp://host:port"},
      {"/var/run/docker.sock", "unix:///path or tcp://host:port"},
      {"", "unix:///path or tcp://host:port"}};
  for (const auto& [text, part] : kCases) {
    const auto address = ParseAddress(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(address.status().message(), HasSubstr(part)) << text;
    EXPECT_THAT(address.status().message(), HasSubstr(std::string("\"") + text + "\""));
  }
  EXPECT_FALSE(ParseAddress("unix:///" + std::string(107, 'x')).ok());
}

TEST(ApiVersionTest, ReadsAndOrders) {
  EXPECT_EQ(ApiVersion::Parse("1.41"), (ApiVersion{1, 41}));
  EXPECT_LT((ApiVersion{1, 9}), (ApiVersion{1, 41}));
  EXPECT_EQ((ApiVersion{1, 41}).ToString(), "1.41");
  for (const char* text : {"", "1", "1.", ".41", "1.41 ", "1.41.2", "v1.41", "-1.4", "1.x"})
    EXPECT_EQ(ApiVersion::Parse(text), std::nullopt) << text;
}

TEST(RequestTest, EscapesNamesAndWritesFilters) {
  EXPECT_EQ(Escape("web.1.abc-_~"), "web.1.abc-_~");
  EXPECT_EQ(Escape("a/b c?%\xc3\xa9"), "a%2Fb%20c%3F%25%C3%A9");
  EXPECT_EQ(Filters({{"label", {"a=b", "c"}}, {"type", {"container"}}}),
            R"({"label":{"a=b":true,"c":true},"type":{"container":true}})");
}

std::vector<std::string> Objects(JsonDecoder& decoder, Step expected_end) {
  std::vector<std::string> out;
  nlohmann::json object;
  Step step{};
  while ((step = decoder.Next(object)) == Step::kItem) out.push_back(object.dump());
  EXPECT_EQ(step, expected_end);
  return out;
}

TEST(JsonDecoderTest, CutsObjectsWithAnyOrNoSpaceBetween) {
  JsonDecoder decoder(1000);
  decoder.Push("\r\n {\"a\":1}{\"b\":\"}{\\\"\"}\r\n\n{\"c\":[{},{}]} ");
  EXPECT_THAT(Objects(decoder, Step::kMore),
              ElementsAre(R"({"a":1})", R"({"b":"}{\""})", R"({"c":[{},{}]})"));
  EXPECT_TRUE(decoder.AtEnd());
}

TEST(JsonDecoderTest, TakesObjectsByteByByte) {
  const std::string text = R"({"status":"x \\","n":{"a":[1,"]"]}})"
                           "\n"
                           R"({"z":"\""})";
  JsonDecoder decoder(1000);
  std::vector<std::string> all;
  for (const char c : text) {
    decoder.Push(std::string_view(&c, 1));
    for (std::string& object : Objects(decoder, Step::kMore)) all.push_back(std::move(object));
  }
  EXPECT_THAT(all, ElementsAre(R"({"n":{"a":[1,"]"]},"status":"x \\"})", R"({"z":"\""})"));
  EXPECT_TRUE(decoder.AtEnd());
}

TEST(JsonDecoderTest, RefusesWhatIsNoObjectAndWhatIsTooLarge) {
  for (const char* text : {"hello", "[1]", "1", "{]}", "{\"a\":}", "}"}) {
    JsonDecoder decoder(1000);
    decoder.Push(text);
    EXPECT_THAT(Objects(decoder, Step::kBad), ElementsAre()) << text;
  }
  JsonDecoder decoder(10);
  decoder.Push("{\"a\":\"0123456789");
  EXPECT_THAT(Objects(decoder, Step::kTooLarge), ElementsAre());
  JsonDecoder half(100);
  half.Push("{\"a\":");
  EXPECT_THAT(Objects(half, Step::kMore), ElementsAre());
  EXPECT_FALSE(half.AtEnd());
}

std::string FrameBytes(char stream, const std::string& data) {
  const auto size = static_cast<std::uint32_t>(data.size());
  std::string out{stream, 0, 0, 0};
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 255);
  return out + data;
}

TEST(FrameDecoderTest, CutsFramesInAnyPieces) {
  const std::string bytes = FrameBytes(1, "out\n") + FrameBytes(2, "") + FrameBytes(3, "trouble");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    FrameDecoder decoder(1000);
    std::vector<std::string> got;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      decoder.Push(std::string_view(bytes).substr(at, piece));
      Frame frame;
      while (decoder.Next(frame) == Step::kItem)
        got.push_back(std::to_string(frame.stream) + std::string(frame.data));
    }
    EXPECT_THAT(got, ElementsAre("1out\n", "2", "3trouble")) << piece;
    EXPECT_TRUE(decoder.AtEnd());
  }
}

TEST(FrameDecoderTest, RefusesWhatHasNoHeaderAndWhatIsTooLarge) {
  Frame frame;
  FrameDecoder raw(1000);
  raw.Push("hello from a terminal");
  EXPECT_EQ(raw.Next(frame), Step::kBad);
  FrameDecoder large(10);
  large.Push(FrameBytes(1, std::string(11, 'x')).substr(0, 8));
  EXPECT_EQ(large.Next(frame), Step::kTooLarge);
  FrameDecoder half(10);
  half.Push(FrameBytes(1, "abc").substr(0, 9));
  EXPECT_EQ(half.Next(frame), Step::kMore);
  EXPECT_FALSE(half.AtEnd());
}

}  // namespace
}  // namespace swarm::engine
