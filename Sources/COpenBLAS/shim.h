#ifndef LATHER_COPENBLAS_SHIM_H
#define LATHER_COPENBLAS_SHIM_H

#if !__has_include(<cblas.h>)
#error "OpenBLAS was not found. Install it first: apt-get install libopenblas-dev pkg-config"
#endif

#include <cblas.h>
#include <stddef.h>

/* The few LAPACK routines of libopenblas that are used, by their Fortran symbols: Debian's package has no LAPACKE.
   Matrices are column-major; each character argument adds its length, a size_t, at the end of the list. */

/* Eigenvalues (ascending) and eigenvectors of a symmetric matrix, by divide and conquer. */
void ssyevd_(const char *jobz, const char *uplo, const int *n, float *a, const int *lda, float *w, float *work,
             const int *lwork, int *iwork, const int *liwork, int *info, size_t jobz_length, size_t uplo_length);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

/* QR factorisation by Householder reflections. */
void sgeqrf_(const int *m, const int *n, float *a, const int *lda, float *tau, float *work, const int *lwork, int *info);
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork, int *info);

/* The orthogonal matrix of that factorisation. */
void sorgqr_(const int *m, const int *n, const int *k, float *a, const int *lda, const float *tau, float *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work,
             const int *lwork, int *info);

#endif
