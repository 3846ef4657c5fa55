// Marks what the core library exports.
#pragma once

#define SWARM_EXPORT [[gnu::visibility("default")]]
