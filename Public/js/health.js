// What deserves a second look in a parameter's numbers.

/** Adam's own updates stay near 1; far above, new directions meet a second moment that has not seen them yet. */
export const largeUpdate = 2;
/** An eigenbasis in float32 stays near 1e-6. */
export const largeOrthogonalityError = 1e-3;

export function updateFlag(parameter) {
  return parameter.update_rms_over_lr > largeUpdate ? "large" : null;
}

export function orthogonalityFlag(error) {
  return error > largeOrthogonalityError ? "large" : null;
}

const values = (parameter, field) => (parameter.factors ?? []).map((factor) => factor[field]).filter(Number.isFinite);

/** The smallest and largest eigenvalue of all factors, or null before there are any. */
export function eigenvalueRange(parameter) {
  const low = values(parameter, "eigenvalue_min");
  const high = values(parameter, "eigenvalue_max");
  return low.length && high.length ? [Math.min(...low), Math.max(...high)] : null;
}

/** The worst of all factors, or null before there are any. */
export function orthogonalityError(parameter) {
  const errors = values(parameter, "orthogonality_error");
  return errors.length ? Math.max(...errors) : null;
}
