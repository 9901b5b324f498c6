// Compiled into better-sqlite3 ahead of everything else. From Node 24.19 on, ObjectWrap asks for the current environment when it is
// garbage collected; a collection outside of any context has none, and the process is aborted ("Assertion failed: (env) != nullptr").
// Without those two calls ObjectWrap is what it is in Node 20 and 22.
#include <node.h>

namespace node {
inline void NoCleanupHook(v8::Isolate*, void (*)(void*), void*) {}
}  // namespace node

#define AddEnvironmentCleanupHook NoCleanupHook
#define RemoveEnvironmentCleanupHook NoCleanupHook
#include <node_object_wrap.h>
#undef AddEnvironmentCleanupHook
#undef RemoveEnvironmentCleanupHook
