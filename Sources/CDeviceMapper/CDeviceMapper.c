#include "CDeviceMapper.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[512];

__attribute__((format(printf, 5, 6))) static void
keep(int level, const char *file, int line, int error, const char *format, ...) {
    (void)file;
    (void)line;
    (void)error;
    // 3 is LOG_ERR; what comes after the first error follows from it.
    if ((level & 7) > 3 || message[0]) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
}

void san_dm_prepare(void) {
    dm_log_with_errno_init(keep);
    (void)dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
}

void san_dm_forget_message(void) {
    message[0] = 0;
}

const char *san_dm_message(void) {
    return message;
}
