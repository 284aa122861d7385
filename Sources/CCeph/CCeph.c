#include "CCeph.h"

#include <dlfcn.h>
#include <stdio.h>

static struct san_ceph_functions functions;

static int lacks(enum san_ceph_lack what, char *problem, unsigned long size) {
    const char *said = dlerror();
    (void)snprintf(problem, size, "%s", said ? said : "unknown error");
    return what;
}

int san_ceph_load(const char *rados, const char *rbd, char *problem, unsigned long size) {
    // Local: another library of the process may have another version of what librados brings along.
    void *const first = dlopen(rados, RTLD_NOW | RTLD_LOCAL);
    if (!first) return lacks(SAN_CEPH_NO_RADOS, problem, size);
    void *const second = dlopen(rbd, RTLD_NOW | RTLD_LOCAL);
    if (!second) return lacks(SAN_CEPH_NO_RBD, problem, size);
    struct san_ceph_functions found;
#define FIND(library, name) \
    void *const name##_found = dlsym(library, #name); \
    if (!name##_found) return lacks(SAN_CEPH_NO_FUNCTION, problem, size); \
    *(void **)&found.name = name##_found;
#define X(name) FIND(first, name)
    SAN_RADOS_FUNCTIONS(X)
#undef X
#define X(name) FIND(second, name)
    SAN_RBD_FUNCTIONS(X)
#undef X
    functions = found;
    return SAN_CEPH_COMPLETE;
}

const struct san_ceph_functions *san_ceph(void) {
    return &functions;
}
