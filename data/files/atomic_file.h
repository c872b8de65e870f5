// Files that are there in full or not at all, whatever happens while they are written.
#pragma once

#include <filesystem>
#include <string_view>

namespace norma {

/// Replaces `file` by `bytes`. Whoever opens it sees the old content or all of the new, even after a power cut: the bytes go
/// into a file beside it, "NAME.tmp-PID", onto the disk (fsync), and only then take the name (rename; fsync of the folder).
/// Temporary files that processes now dead left behind for this file are removed. A symbolic link is replaced, not followed.
/// Throws FileError, with the path and the system's reason; then `file` is as it was and the temporary file is gone.
void write_file(const std::filesystem::path& file, std::string_view bytes);

/// Makes new names in a folder last, even after a power cut. Some file systems cannot; the names are right all the same.
/// Throws FileError.
void sync_folder(const std::filesystem::path& folder);

}  // namespace norma
