// The grammar of image names: [domain[:port]/]path[:tag][@digest].
#pragma once

#include <string_view>

namespace swarm::controlapi {

// Whether `image` names an image, the way Docker reads short names ("busybox" is
// "docker.io/library/busybox").
bool IsImageReference(std::string_view image);

}  // namespace swarm::controlapi
