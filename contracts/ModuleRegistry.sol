// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IModuleRegistry} from "./interfaces/IModuleRegistry.sol";
import {ModuleNameLib} from "./libraries/ModuleNameLib.sol";
import {VersionListLib} from "./libraries/VersionListLib.sol";

/// @title ModuleRegistry
/// @notice `chain://name@version` → digest and publisher. Belongs to nobody. See {IModuleRegistry} for the manual.
contract ModuleRegistry is IModuleRegistry {
    using VersionListLib for VersionListLib.List;

    /// @notice Longest URI and longest warning, characters.
    uint256 public constant MAX_TEXT = 256;

    struct StoredRelease {
        address publisher;
        uint64 publishedAt;
        bool deprecated;
        bytes32 digest;
        bytes32 metadataDigest;
        string metadataUri;
        string warning;
    }

    struct StoredModule {
        address owner;
        uint64 claimedAt;
        bool deprecated;
        address pendingOwner;
        string warning;
        /// In order of publication.
        uint192[] versions;
        /// Those that are not deprecated.
        VersionListLib.List live;
        mapping(uint192 version => StoredRelease) releases;
    }

    bytes32[] private _nameIds;
    mapping(bytes32 nameId => StoredModule) private _modules;
    mapping(bytes32 skeletonHash => bytes32 nameId) private _nameBySkeleton;

    // ---------------------------------------------------------------------------------------------- publishing

    /// @inheritdoc IModuleRegistry
    function publish(
        string calldata name,
        Version calldata version,
        bytes32 digest,
        bytes32 metadataDigest,
        string calldata metadataUri
    ) external {
        bytes32 nameId = ModuleNameLib.pack(name);
        StoredModule storage stored = _modules[nameId];
        if (stored.owner == address(0)) {
            _claim(stored, nameId, name);
        } else {
            _requireOwner(stored);
            if (stored.deprecated) revert NameIsDeprecated(name);
        }
        uint192 packed = VersionListLib.pack(version);
        if (packed == 0) revert VersionIsZero();
        StoredRelease storage published = stored.releases[packed];
        if (published.publisher != address(0)) {
            revert VersionExists(name, version.major, version.minor, version.patch);
        }
        if (digest == 0) revert DigestIsZero();
        _requireText(metadataUri);

        published.publisher = msg.sender;
        published.publishedAt = uint64(block.timestamp);
        published.digest = digest;
        published.metadataDigest = metadataDigest;
        published.metadataUri = metadataUri;
        stored.versions.push(packed);
        stored.live.insert(packed);
        emit ReleasePublished(
            nameId, digest, msg.sender, version.major, version.minor, version.patch, metadataDigest, metadataUri
        );
    }

    // ---------------------------------------------------------------------------------------------- deprecating

    /// @inheritdoc IModuleRegistry
    function deprecate(string calldata name, Version calldata version, string calldata warning) external {
        (bytes32 nameId, StoredModule storage stored) = _own(name);
        _requireWarning(warning);
        StoredRelease storage published = _releaseOf(stored, name, version);
        if (!published.deprecated) {
            published.deprecated = true;
            stored.live.remove(VersionListLib.pack(version));
        }
        published.warning = warning;
        emit ReleaseDeprecated(nameId, version.major, version.minor, version.patch, warning);
    }

    /// @inheritdoc IModuleRegistry
    function deprecateName(string calldata name, string calldata warning) external {
        (bytes32 nameId, StoredModule storage stored) = _own(name);
        _requireWarning(warning);
        stored.deprecated = true;
        stored.warning = warning;
        emit NameDeprecated(nameId, warning);
    }

    /// @inheritdoc IModuleRegistry
    function restoreName(string calldata name) external {
        (bytes32 nameId, StoredModule storage stored) = _own(name);
        if (!stored.deprecated) revert NameNotDeprecated(name);
        stored.deprecated = false;
        delete stored.warning;
        emit NameRestored(nameId);
    }

    // ----------------------------------------------------------------------------------------------- ownership

    /// @inheritdoc IModuleRegistry
    function transferName(string calldata name, address to) external {
        (bytes32 nameId, StoredModule storage stored) = _own(name);
        stored.pendingOwner = to;
        emit NameOffered(nameId, msg.sender, to);
    }

    /// @inheritdoc IModuleRegistry
    function acceptName(string calldata name) external {
        (bytes32 nameId, StoredModule storage stored) = _find(name);
        if (msg.sender != stored.pendingOwner) revert NotPendingNameOwner(msg.sender, stored.pendingOwner);
        address previousOwner = stored.owner;
        stored.owner = msg.sender;
        delete stored.pendingOwner;
        emit NameTransferred(nameId, previousOwner, msg.sender);
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IModuleRegistry
    function latest(string calldata name) external view returns (Version memory) {
        (, StoredModule storage stored) = _find(name);
        uint192 greatest = stored.live.greatest;
        if (greatest == 0) revert NoLiveVersion(name);
        return VersionListLib.unpack(greatest);
    }

    /// @inheritdoc IModuleRegistry
    function resolve(string calldata name, Version calldata version)
        external
        view
        returns (bytes32 digest, address publisher, bool deprecated)
    {
        (, StoredModule storage stored) = _find(name);
        StoredRelease storage published = _releaseOf(stored, name, version);
        return (published.digest, published.publisher, published.deprecated || stored.deprecated);
    }

    /// @inheritdoc IModuleRegistry
    function release(string calldata name, Version calldata version) external view returns (Release memory) {
        (, StoredModule storage stored) = _find(name);
        return _describeRelease(_releaseOf(stored, name, version), VersionListLib.pack(version));
    }

    /// @inheritdoc IModuleRegistry
    function releases(string calldata name, uint256 offset, uint256 limit)
        external
        view
        returns (Release[] memory page)
    {
        (, StoredModule storage stored) = _find(name);
        page = new Release[](_pageLength(stored.versions.length, offset, limit));
        for (uint256 i = 0; i < page.length; ++i) {
            uint192 version = stored.versions[offset + i];
            page[i] = _describeRelease(stored.releases[version], version);
        }
    }

    /// @inheritdoc IModuleRegistry
    function module(string calldata name) external view returns (Module memory) {
        (bytes32 nameId,) = _find(name);
        return _describeModule(nameId);
    }

    /// @inheritdoc IModuleRegistry
    function modules(uint256 offset, uint256 limit) external view returns (Module[] memory page) {
        page = new Module[](_pageLength(_nameIds.length, offset, limit));
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = _describeModule(_nameIds[offset + i]);
        }
    }

    /// @inheritdoc IModuleRegistry
    function moduleCount() external view returns (uint256) {
        return _nameIds.length;
    }

    /// @inheritdoc IModuleRegistry
    function lookAlikeOf(string calldata name) external view returns (string memory) {
        return ModuleNameLib.unpack(_nameBySkeleton[_skeletonHash(ModuleNameLib.pack(name))]);
    }

    /// @inheritdoc IModuleRegistry
    function skeletonOf(string calldata name) external pure returns (string memory) {
        return string(ModuleNameLib.skeleton(ModuleNameLib.pack(name)));
    }

    /// @inheritdoc IModuleRegistry
    function nameIdOf(string calldata name) external pure returns (bytes32) {
        return ModuleNameLib.pack(name);
    }

    // ---------------------------------------------------------------------------------------------- internals

    /// @dev The one place where a name gets an owner without a former one. No name is ever given up again.
    function _claim(StoredModule storage stored, bytes32 nameId, string calldata name) private {
        bytes32 looks = _skeletonHash(nameId);
        bytes32 taken = _nameBySkeleton[looks];
        if (taken != 0) revert NameLooksTaken(name, ModuleNameLib.unpack(taken));
        _nameBySkeleton[looks] = nameId;
        _nameIds.push(nameId);
        stored.owner = msg.sender;
        stored.claimedAt = uint64(block.timestamp);
        emit NameClaimed(nameId, msg.sender, name);
    }

    function _own(string calldata name) private view returns (bytes32 nameId, StoredModule storage stored) {
        (nameId, stored) = _find(name);
        _requireOwner(stored);
    }

    function _find(string calldata name) private view returns (bytes32 nameId, StoredModule storage stored) {
        nameId = ModuleNameLib.pack(name);
        stored = _modules[nameId];
        if (stored.owner == address(0)) revert UnknownName(name);
    }

    /// @dev A release that exists: every one has a publisher.
    function _releaseOf(StoredModule storage stored, string calldata name, Version calldata version)
        private
        view
        returns (StoredRelease storage published)
    {
        published = stored.releases[VersionListLib.pack(version)];
        if (published.publisher == address(0)) {
            revert UnknownVersion(name, version.major, version.minor, version.patch);
        }
    }

    function _requireOwner(StoredModule storage stored) private view {
        if (msg.sender != stored.owner) revert NotNameOwner(msg.sender, stored.owner);
    }

    function _requireWarning(string calldata warning) private pure {
        if (bytes(warning).length == 0) revert WarningIsEmpty();
        _requireText(warning);
    }

    function _requireText(string calldata text) private pure {
        bytes calldata characters = bytes(text);
        if (characters.length > MAX_TEXT) revert TextTooLong(characters.length, MAX_TEXT);
        for (uint256 i = 0; i < characters.length; ++i) {
            if (characters[i] < 0x20 || characters[i] > 0x7e) revert TextCharacter(i, characters[i]);
        }
    }

    function _describeRelease(StoredRelease storage published, uint192 version) private view returns (Release memory) {
        return Release({
            version: VersionListLib.unpack(version),
            digest: published.digest,
            metadataDigest: published.metadataDigest,
            publisher: published.publisher,
            publishedAt: published.publishedAt,
            deprecated: published.deprecated,
            metadataUri: published.metadataUri,
            warning: published.warning
        });
    }

    function _describeModule(bytes32 nameId) private view returns (Module memory) {
        StoredModule storage stored = _modules[nameId];
        return Module({
            name: ModuleNameLib.unpack(nameId),
            owner: stored.owner,
            pendingOwner: stored.pendingOwner,
            claimedAt: stored.claimedAt,
            deprecated: stored.deprecated,
            releaseCount: stored.versions.length,
            latest: VersionListLib.unpack(stored.live.greatest),
            warning: stored.warning
        });
    }

    function _skeletonHash(bytes32 nameId) private pure returns (bytes32) {
        return keccak256(ModuleNameLib.skeleton(nameId));
    }

    /// @dev How many of `length` entries a page from `offset` has; no sum here can overflow.
    function _pageLength(uint256 length, uint256 offset, uint256 limit) private pure returns (uint256) {
        if (offset >= length) return 0;
        uint256 rest = length - offset;
        return limit < rest ? limit : rest;
    }
}
