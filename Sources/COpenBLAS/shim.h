#ifndef LATHER_COPENBLAS_SHIM_H
#define LATHER_COPENBLAS_SHIM_H

#if !__has_include(<cblas.h>)
#error "OpenBLAS was not found. Install it first: apt-get install libopenblas-dev pkg-config"
#endif

#include <cblas.h>

#endif
