# Stands in for the libraries where only the engine is built. Of those it uses xxHash alone, which can be compiled in from its
# header: that of this machine serves any target, but the folder it lies in must not be searched for others.
find_file(TENSORMARK_XXHASH xxhash.h PATHS /usr/include /usr/local/include /opt/homebrew/include REQUIRED NO_CMAKE_FIND_ROOT_PATH)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${TENSORMARK_XXHASH} ${CMAKE_BINARY_DIR}/include/xxhash.h SYMBOLIC)
add_library(PkgConfig::DEPS INTERFACE IMPORTED)
target_include_directories(PkgConfig::DEPS SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/include)
target_compile_definitions(PkgConfig::DEPS INTERFACE XXH_INLINE_ALL)
