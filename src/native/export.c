/* The one symbol of a loadable backend: libtensormark is one as well, so an old build can run beside a new one. */
#include "native/native.h"

const tm_backend *tensormark_backend(void)
{
    return tm_native_backend();
}
