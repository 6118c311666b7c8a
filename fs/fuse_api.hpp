#pragma once
// The one way libfuse's headers come in, so that every file sees the same version of its API.

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
