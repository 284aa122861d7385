// libudev's monitor, as SANHost uses it.
#pragma once
#include <libudev.h>
