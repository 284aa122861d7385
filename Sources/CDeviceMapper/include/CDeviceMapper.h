// libdevmapper, and what Swift can't say to it: its log function has a variable number of arguments.
#pragma once
#include <libdevmapper.h>

/// Once, before anything else: errors are kept for san_dm_message instead of being printed, and names go to the kernel as they are.
void san_dm_prepare(void);
/// Forgets the error that was kept.
void san_dm_forget_message(void);
/// The first error that libdevmapper had since then on this thread; empty where there was none.
const char *_Nonnull san_dm_message(void);
