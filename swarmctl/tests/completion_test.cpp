// What completes a line, asked directly and by a real shell.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fake_manager.h"
#include "objects.h"

namespace swarm::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

class CompletionTest : public CommandTest {
 protected:
  std::string Complete(std::vector<std::string> words) {
    words.insert(words.begin(), "__complete");
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  }
};

TEST_F(CompletionTest, OffersCommandsWithTheirSummaries) {
  EXPECT_EQ(Complete({"serv"}), "service\tService management\n");
  EXPECT_THAT(Complete({"service", ""}), HasSubstr("rollback\t"));
  EXPECT_THAT(Complete({"-s", "/x", "node", "pro"}), HasSubstr("promote\t"));
  EXPECT_EQ(Complete({"nothing", "here"}), "");
}

TEST_F(CompletionTest, OffersFlagsAndTheirChoices) {
  EXPECT_EQ(Complete({"service", "create", "--upd"}).substr(0, 14), "--update-delay");
  EXPECT_EQ(Complete({"service", "create", "--mode", ""}),
            "global\nglobal-job\nreplicated\nreplicated-job\n");
  EXPECT_EQ(Complete({"service", "create", "--mode=gl"}), "--mode=global\n--mode=global-job\n");
  EXPECT_EQ(Complete({"secret", "create", "x", "--file", "/e"}), ":files\n");
  EXPECT_EQ(Complete({"--socket", ""}), ":files\n");
}

TEST_F(CompletionTest, OffersNamesOfTheManagerThatTheLineNames) {
  Answer("ListServices", Make<pb::ListServicesResponse>(R"(
    services { id: "1" spec { annotations { name: "web" } } }
    services { id: "2" spec { annotations { name: "db" } } })"));
  EXPECT_EQ(Complete({"-s", "/x.sock", "service", "update", ""}), "db\t2\nweb\t1\n");
  EXPECT_EQ(socket_, "/x.sock");
  EXPECT_EQ(Complete({"svc", "rm", "w"}), "web\t1\n");
  Answer("ListNetworks", Make<pb::ListNetworksResponse>(R"(
    networks { id: "1" spec { annotations { name: "net" } } })"));
  EXPECT_EQ(Complete({"service", "create", "--network", ""}), "net\t1\n");
  Refuse("ListServices", {Code::kUnavailable, "down"});
  EXPECT_EQ(Complete({"service", "update", ""}), "") << "errors are not for the command line";
}

// The real script in a real bash; a stand-in for the program answers what it was asked.
class BashTest : public CommandTest {
 protected:
  BashTest() {
    std::string pattern = testing::TempDir() + "swarm-bash-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ + "/swarmctl")
        << "#!/bin/bash\nshift\nfor word; do echo \"<$word>\" >> '" << folder_
        << "/asked'; done\ncat '" << folder_ << "/answer'\n";
    ::chmod((folder_ + "/swarmctl").c_str(), 0755);
    std::ofstream(folder_ + "/script") << Run({"completion", "bash"}).out;
  }
  ~BashTest() override { std::filesystem::remove_all(folder_); }

  // The words bash offers for `line`.
  std::string Offered(const std::string& line, const std::string& answer) {
    std::ofstream(folder_ + "/answer") << answer;
    std::filesystem::remove(folder_ + "/asked");
    // Words as readline splits them do not matter to the script, except for file names.
    std::ofstream(folder_ + "/run")
        << "PATH='" << folder_ << "':$PATH; cd '" << folder_ << "'\nsource '" << folder_
        << "/script'\nCOMP_LINE='" << line
        << "'\nCOMP_POINT=${#COMP_LINE}\nCOMP_WORDS=($COMP_LINE)\n"
        << "[[ $COMP_LINE == *\\  ]] && COMP_WORDS+=('')\n"
        << "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        << "_swarmctl 2> /dev/null\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    std::FILE* pipe = ::popen(("bash '" + folder_ + "/run'").c_str(), "r");
    std::string out;
    char part[4096];
    while (const std::size_t size = std::fread(part, 1, sizeof part, pipe)) out.append(part, size);
    EXPECT_EQ(::pclose(pipe), 0);
    return out;
  }
  std::string Asked() {
    std::ifstream in(folder_ + "/asked");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder_;
};

TEST_F(BashTest, OffersWhatTheProgramAnswers) {
  EXPECT_EQ(Offered("swarmctl service update ", "web\tsome id\ndb\n"), "web\ndb\n");
  EXPECT_EQ(Asked(), "<service>\n<update>\n<>\n");
  EXPECT_EQ(Offered("swarmctl service up", "update\tUpdate a service\n"), "update\n");
  EXPECT_EQ(Asked(), "<service>\n<up>\n");
}

TEST_F(BashTest, CutsWhatBashHasSplitOff) {
  EXPECT_EQ(Offered("swarmctl service create --mode=gl", "--mode=global\n--mode=global-job\n"),
            "global\nglobal-job\n");
}

TEST_F(BashTest, OffersFiles) {
  EXPECT_EQ(Offered("swarmctl secret create x -f scr", ":files\n"), "script\n");
}

TEST_F(CompletionTest, EveryShellHasAScript) {
  EXPECT_THAT(Run({"completion", "zsh"}).out, HasSubstr("#compdef swarmctl"));
  EXPECT_THAT(Run({"completion", "fish"}).out, HasSubstr("complete -c swarmctl"));
  EXPECT_THAT(Run({"completion"}).out, HasSubstr("swarmctl completion bash >"));
  EXPECT_THAT(Run({"completion", "--help"}).out, Not(HasSubstr("__complete")));
}

}  // namespace
}  // namespace swarm::ctl
