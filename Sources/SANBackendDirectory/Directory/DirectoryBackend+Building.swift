import CLinux
public import SANEngine
import SANHost
public import SANModel
import SystemPackage

extension DirectoryBackend {
    /// Makes the folder and the ones above it, and gives it its owner, mode, label and copy-on-write; one that is there is brought to that.
    ///
    /// Folders above it get mode 0755. Where something fails, what was made is removed again.
    ///
    /// - Throws: `unsupported` for `<cow>` on another file system than btrfs, `permission_denied`, `host_failure`.
    public func build(
        _ definition: PoolDefinition, mode: BuildMode, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        let files = try files(of: definition)
        let permissions = definition.target?.permissions ?? Permissions()
        let (change, isLabelled) = try await files.blocking(context) { () throws(StorageError) in
            try FolderBuilding(files: files, permissions: permissions, copyOnWrite: definition.copyOnWrite).build()
        }
        if !isLabelled {
            context.logger.warning(
                "The label of the folder wasn't set: this kernel has no SELinux, or the file system no labels")
        }
        return change
    }

    /// Removes the folder, which must be empty.
    ///
    /// - Throws: `invalid_state` where something is in it.
    public func delete(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        let files = try files(of: definition)
        return try await files.blocking(context) { () throws(StorageError) in
            let removed = unsafe san_file_remove(-1, files.location.string, 1)
            if removed == -Errno.noSuchFileOrDirectory.rawValue { return .unchanged(()) }
            try check(removed, cannot: "delete the folder", files.path)
            return .changed(())
        }
    }
}

/// Making a pool's folder.
struct FolderBuilding {
    var files: FileVolumes
    var permissions: Permissions
    var copyOnWrite: Bool?

    /// - Returns: also whether the label is as wanted.
    func build() throws(StorageError) -> (change: Change<Void>, isLabelled: Bool) {
        let made = try makeFolders()
        do throws(StorageError) {
            let folder = try OpenFile.folder(files.location, shownAs: files.path)
            let before = try folder.status().permissions
            let wasLabelled = folder.label()
            // A folder that was there keeps its mode where the document doesn't give one.
            let isLabelled = try folder.apply(permissions, defaultMode: made.isEmpty ? nil : 0o711)
            let isSwitched = try setCopyOnWrite(of: folder)
            let after = try folder.status().permissions
            let isChanged = !made.isEmpty || isSwitched || after != before || folder.label() != wasLabelled
            return (isChanged ? .changed(()) : .unchanged(()), isLabelled)
        } catch {
            for path in made.reversed() { _ = unsafe san_file_remove(-1, path.string, 1) }
            throw error
        }
    }

    /// - Returns: the folders that weren't there, the outermost first.
    private func makeFolders() throws(StorageError) -> [FilePath] {
        var made: [FilePath] = []
        var path = FilePath(root: files.location.root)
        for component in files.location.components {
            path.append(component)
            let result = unsafe san_folder_make(-1, path.string, path == files.location ? 0o700 : 0o755)
            if result >= 0 { made.append(path) }
            if result >= 0 || result == -Errno.fileExists.rawValue { continue }
            for path in made.reversed() { _ = unsafe san_file_remove(-1, path.string, 1) }
            throw StorageError(errno: -result, cannot: "make the folder", path: files.path)
        }
        return made
    }

    /// As libvirt: on btrfs copy-on-write is turned off where the document doesn't say; elsewhere asking for either is an error.
    private func setCopyOnWrite(of folder: OpenFile) throws(StorageError) -> Bool {
        guard try FileSystem(of: folder).isBtrfs else {
            guard copyOnWrite == nil else {
                throw StorageError(
                    .unsupported, "<cow> is for btrfs, and '\(files.path.printable)' is on another file system",
                    subject: .path(files.path.printable))
            }
            return false
        }
        let wanted: Int32 = copyOnWrite == true ? 0 : 1
        let now = try check(
            san_file_no_copy_on_write(folder.descriptor), cannot: "look at copy-on-write of", files.path)
        guard now != wanted else { return false }
        try check(
            san_file_set_no_copy_on_write(folder.descriptor, wanted), cannot: "switch copy-on-write of", files.path)
        return true
    }
}
