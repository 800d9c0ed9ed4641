/** The path of a file that is embedded in the executable. */
declare module "*.ext4" {
  const path: string;
  export default path;
}

declare module "*.cpio" {
  const path: string;
  export default path;
}
