// jemalloc's settings, compiled into our programs; the environment variable MALLOC_CONF overrides them.
//
//   slab_sizes                 eight pages for every small class: less waste at the end of a slab for
//                              records of odd sizes, 1.5 bytes a key
//   lg_extent_max_active_fit   a larger free extent may be cut for a small request, which halves the
//                              time of growing
//   muzzy_decay_ms             purged pages go back to the system at once, so that resident memory is
//                              what it seems
//
// Purging is moved off the workers' path by jemalloc's background threads, which the server switches
// on once it runs (`jemalloc-bg-thread`).
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "slab_sizes:8-1024:8,lg_extent_max_active_fit:30,dirty_decay_ms:5000,muzzy_decay_ms:0";
}
