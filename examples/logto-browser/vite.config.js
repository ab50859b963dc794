export default {
  // The page waits for the SDK before it says anything.
  build: { target: 'es2022' },
}
